SELECT id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at, revision
FROM groups
WHERE tenant = ?1 AND fold = ?2
