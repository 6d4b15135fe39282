-- The parent stays: naming it in SET would rewrite its index entry, one more page for each group.
UPDATE groups
SET name = ?3, description = ?4, photo_url = ?5, updated_at = ?6, revision = ?7
WHERE tenant = ?1 AND id = ?2 AND parent_id IS ?8
