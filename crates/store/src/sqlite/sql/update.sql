UPDATE groups
SET name = ?3, description = ?4, photo_url = ?5, updated_at = ?6, revision = ?7, parent_id = ?8
WHERE tenant = ?1 AND id = ?2
