-- The groups that live below these, without going down into another one of them.
WITH RECURSIVE below (id, lives, level) AS (
    SELECT g.id, false, 1
    FROM unnest($2::bigint[]) AS k (id)
    CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = k.id OFFSET 0) AS g
    UNION ALL
    SELECT g.id, g.archived_at IS NULL, b.level + 1
    FROM below AS b
    CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND parent_id = b.id OFFSET 0) AS g
    WHERE b.level < 65536 AND g.id <> ALL ($2::bigint[])
)
SELECT id, level
FROM below
WHERE lives OR level = 65536
