UPDATE groups
SET name = ?3, description = ?4, photo_url = ?5, updated_at = ?6, revision = ?7, parent_id = ?8,
    language = ?9, company = ?10, department = ?11, office = ?12, notes = ?13, options = ?14,
    content_hash = ?15,
    checksum = row_checksum(tenant, id, ?8, source, key, ?3, ?4, ?5, created_at, ?6, archived_at, ?7,
                            ?9, ?10, ?11, ?12, ?13, ?14)
WHERE tenant = ?1 AND id = ?2
