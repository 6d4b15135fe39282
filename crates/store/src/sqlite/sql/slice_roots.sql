-- Groups before the page are passed in the index: whether they are archived is looked up in the other one.
SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision,
       language, company, department, office, notes, options, checksum
FROM groups INDEXED BY groups_roots
WHERE tenant = ?1 AND parent_id IS NULL
  AND (?4 IS NULL OR ?4 = EXISTS (
      SELECT 1 FROM groups AS archived INDEXED BY groups_archived
      WHERE archived.tenant = ?1 AND archived.id = groups.id AND archived.archived_at IS NOT NULL
  ))
ORDER BY id
LIMIT ?3 OFFSET ?2
