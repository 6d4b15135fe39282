UPDATE groups
SET archived_at = ?3, content_hash = NULL, updated_at = ?3, revision = ?4
WHERE tenant = ?1 AND id = ?2 AND archived_at IS NULL
