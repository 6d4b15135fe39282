-- How many groups live below these, without going down into another one of them.
WITH RECURSIVE below (top, id, lives, level) AS (
    SELECT g.id, g.id, false, 1
    FROM unnest($2::bigint[]) AS k (id)
    JOIN groups AS g ON g.tenant = $1 AND g.id = k.id
    UNION ALL
    SELECT b.top, g.id, g.archived_at IS NULL, b.level + 1
    FROM below AS b
    JOIN groups AS g ON g.tenant = $1 AND g.parent_id = b.id
    WHERE b.level < 65536 AND g.id <> ALL ($2::bigint[])
)
SELECT top, count(*) FILTER (WHERE lives), max(level)
FROM below
GROUP BY top
