SELECT id, archived_at IS NULL
FROM groups INDEXED BY groups_children
WHERE tenant = ?1 AND parent_id = ?2
ORDER BY id
