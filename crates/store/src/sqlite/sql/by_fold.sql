SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision,
       language, company, department, office, notes, options, checksum
FROM groups
WHERE tenant = ?1 AND fold = ?2
