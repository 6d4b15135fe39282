SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision,
       language, company, department, office, notes, options, checksum, tenant, fold, content_hash, row
FROM groups NOT INDEXED
WHERE row >= ?1
ORDER BY row ASC
