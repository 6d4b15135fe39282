-- These groups and all above them. UNION ends it even where a stored tree runs in a circle.
WITH RECURSIVE above (id, parent_id, key, archived) AS (
    SELECT g.id, g.parent_id, g.key, g.archived_at IS NOT NULL
    FROM unnest($2::bigint[]) AS k (id)
    JOIN groups AS g ON g.tenant = $1 AND g.id = k.id
    UNION
    SELECT g.id, g.parent_id, g.key, g.archived_at IS NOT NULL
    FROM above AS a
    JOIN groups AS g ON g.tenant = $1 AND g.id = a.parent_id
)
SELECT id, parent_id, key, archived
FROM above
