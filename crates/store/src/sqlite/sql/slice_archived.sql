-- Groups before the page are passed in the index.
SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision,
       language, company, department, office, notes, options, checksum
FROM groups INDEXED BY groups_archived
WHERE tenant = ?1 AND archived_at IS NOT NULL
ORDER BY id
LIMIT ?3 OFFSET ?2
