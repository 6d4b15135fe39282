UPDATE groups
SET source = ?3, key = ?4, fold = ?5,
    checksum = row_checksum(tenant, id, parent_id, ?3, ?4, name, description, photo_url, created_at, updated_at,
                            archived_at, revision, language, company, department, office, notes, options)
WHERE tenant = ?1 AND id = ?2 AND key IS NULL
