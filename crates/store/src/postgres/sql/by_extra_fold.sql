SELECT g.id, g.parent_id, g.source, g.key, g.name, g.description, g.photo_url, g.created_at, g.updated_at, g.archived_at,
       g.revision, g.language, g.company, g.department, g.office, g.notes, g.options
FROM unnest($2::bigint[]) AS k (fold)
CROSS JOIN LATERAL (SELECT * FROM extra_refs WHERE tenant = $1 AND fold = k.fold OFFSET 0) AS e
CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = e.id OFFSET 0) AS g
