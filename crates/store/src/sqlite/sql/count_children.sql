SELECT count(*)
FROM (SELECT 1 FROM groups INDEXED BY groups_children WHERE tenant = ?1 AND parent_id = ?3 LIMIT ?2)
