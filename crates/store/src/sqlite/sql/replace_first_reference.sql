UPDATE groups
SET source = ?5, key = ?6, fold = ?7,
    checksum = row_checksum(tenant, id, parent_id, ?5, ?6, name, description, photo_url, created_at, updated_at,
                            archived_at, revision, language, company, department, office, notes, options)
WHERE tenant = ?1 AND id = ?2 AND source = ?3 AND key = ?4
