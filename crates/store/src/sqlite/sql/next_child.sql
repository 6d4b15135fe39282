SELECT id
FROM groups INDEXED BY groups_children
WHERE tenant = ?1 AND parent_id = ?2 AND id > ?3
ORDER BY id
LIMIT 1
