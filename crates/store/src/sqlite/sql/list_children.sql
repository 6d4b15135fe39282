SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision,
       language, company, department, office, notes, options, checksum
FROM groups INDEXED BY groups_children
WHERE tenant = ?1 AND id > ?2 AND parent_id = ?3
ORDER BY id
