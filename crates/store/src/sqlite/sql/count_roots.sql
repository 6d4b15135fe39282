SELECT count(*)
FROM (SELECT 1 FROM groups INDEXED BY groups_roots WHERE tenant = ?1 AND parent_id IS NULL LIMIT ?2)
