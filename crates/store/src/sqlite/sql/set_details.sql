UPDATE groups
SET language = ?3, company = ?4, department = ?5, office = ?6, notes = ?7, options = ?8,
    checksum = row_checksum(tenant, id, parent_id, source, key, name, description, photo_url, created_at, updated_at,
                            archived_at, revision, ?3, ?4, ?5, ?6, ?7, ?8)
WHERE tenant = ?1 AND id = ?2
