-- OFFSET keeps the planner from looking at all groups of a tenant, here and in others like this: it would where
-- statistics are missing, and for many ids with them.
SELECT g.id, g.parent_id, g.source, g.key, g.name, g.description, g.photo_url,
       g.created_at, g.updated_at, g.archived_at, g.revision,
       g.language, g.company, g.department, g.office, g.notes, g.options, parent.key
FROM unnest($2::bigint[]) AS asked (id)
CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = asked.id OFFSET 0) AS g
LEFT JOIN LATERAL (SELECT key FROM groups WHERE tenant = $1 AND id = g.parent_id OFFSET 0) AS parent ON true
