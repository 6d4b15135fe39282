SELECT g.id, g.parent_id, g.source, g.key, g.name, g.description, g.photo_url, g.created_at, g.updated_at, g.archived_at,
       g.revision, g.language, g.company, g.department, g.office, g.notes, g.options
FROM unnest($2::bigint[]) AS k (id)
CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = k.id OFFSET 0) AS g
