-- Levels of the pieces below and including these groups, without entering another one of them.
WITH RECURSIVE below (top, id, level) AS (
    SELECT g.id, g.id, 1
    FROM unnest($2::bigint[]) AS k (id)
    CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = k.id OFFSET 0) AS g
    UNION ALL
    SELECT b.top, g.id, b.level + 1
    FROM below AS b
    CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND parent_id = b.id OFFSET 0) AS g
    WHERE b.level < 65536 AND g.id <> ALL ($2::bigint[])
)
SELECT top, max(level)
FROM below
GROUP BY top
