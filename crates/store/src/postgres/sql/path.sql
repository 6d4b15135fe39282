-- From a group upwards, to the top of a tree or as far as the place may lie below it.
WITH RECURSIVE line (depth, id, parent_id) AS (
    SELECT 0::bigint, id, parent_id FROM groups WHERE tenant = $1 AND id = $2
    UNION
    SELECT line.depth + 1, g.id, g.parent_id
    FROM line JOIN groups AS g ON g.tenant = $1 AND g.id = line.parent_id
    WHERE line.depth < $3 AND (line.depth = 0 OR line.id <> $4)
)
SELECT id FROM line WHERE depth > 0 ORDER BY depth
