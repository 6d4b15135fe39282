UPDATE groups
SET archived_at = NULL, updated_at = ?3, revision = ?4,
    checksum = row_checksum(tenant, id, parent_id, source, key, name, description, photo_url, created_at, ?3, NULL, ?4,
                            language, company, department, office, notes, options)
WHERE tenant = ?1 AND id = ?2 AND archived_at IS NOT NULL
