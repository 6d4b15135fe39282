SELECT g.id, g.parent_id, g.source, g.key, g.name, g.description, g.photo_url,
       g.created_at, g.updated_at, g.archived_at, g.revision, parent.key
FROM groups AS g
LEFT JOIN groups AS parent ON parent.tenant = g.tenant AND parent.id = g.parent_id
WHERE g.tenant = ?1 AND g.id > ?2 AND g.archived_at IS NULL
ORDER BY g.id
LIMIT ?3
