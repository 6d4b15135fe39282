SELECT g.id, g.parent_id, g.source, g.key, g.name, g.description, g.photo_url,
       g.created_at, g.updated_at, g.archived_at, g.revision,
       g.language, g.company, g.department, g.office, g.notes, g.options, parent.key
FROM groups AS g
LEFT JOIN groups AS parent ON parent.tenant = $1 AND parent.id = g.parent_id
WHERE g.tenant = $1 AND g.id = ANY ($2)
ORDER BY g.id
