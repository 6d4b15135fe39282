-- The parent stays: naming it in SET would rewrite its index entry, one more page for each group.
UPDATE groups
SET name = ?3, description = ?4, photo_url = ?5, updated_at = ?6, revision = ?7,
    language = ?9, company = ?10, department = ?11, office = ?12, notes = ?13, options = ?14,
    content_hash = ?15
WHERE tenant = ?1 AND id = ?2 AND parent_id IS ?8
