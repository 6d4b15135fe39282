-- Nobody may have looked at the row: a damaged one keeps the checksum that tells.
UPDATE groups
SET archived_at = ?3, content_hash = NULL, updated_at = ?3, revision = ?4,
    checksum = row_checksum(tenant, id, parent_id, source, key, name, description, photo_url, created_at, ?3, ?3, ?4,
                            language, company, department, office, notes, options)
WHERE tenant = ?1 AND id = ?2 AND archived_at IS NULL
  AND checksum = row_checksum(tenant, id, parent_id, source, key, name, description, photo_url, created_at, updated_at,
                              archived_at, revision, language, company, department, office, notes, options)
