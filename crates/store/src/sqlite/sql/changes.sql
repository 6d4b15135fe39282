SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision,
       language, company, department, office, notes, options, checksum
FROM groups INDEXED BY groups_revision
WHERE tenant = ?1 AND (revision, id) > (?2, ?3)
ORDER BY revision, id
