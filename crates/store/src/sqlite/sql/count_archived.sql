SELECT count(*)
FROM (SELECT 1 FROM groups INDEXED BY groups_archived WHERE tenant = ?1 AND archived_at IS NOT NULL LIMIT ?2)
