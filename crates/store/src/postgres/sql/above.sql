-- These groups and all above them. UNION ends it even where a stored tree runs in a circle.
WITH RECURSIVE above (id, parent_id, key, archived) AS (
    SELECT g.id, g.parent_id, g.key, g.archived_at IS NOT NULL
    FROM unnest($2::bigint[]) AS k (id)
    CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = k.id OFFSET 0) AS g
    UNION
    SELECT g.id, g.parent_id, g.key, g.archived_at IS NOT NULL
    FROM above AS a
    CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = a.parent_id OFFSET 0) AS g
)
SELECT id, parent_id, key, archived
FROM above
