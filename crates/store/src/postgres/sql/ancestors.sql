-- From a group upwards, nearest first. The page bounds the depth, so what runs in a circle ends too.
WITH RECURSIVE line (depth, id, parent_id) AS (
    SELECT 0::bigint, id, parent_id FROM groups WHERE tenant = $1 AND id = $2
    UNION
    SELECT line.depth + 1, g.id, g.parent_id
    FROM line JOIN groups AS g ON g.tenant = $1 AND g.id = line.parent_id
    WHERE line.depth < $3
)
SELECT g.id, g.parent_id, g.source, g.key, g.name, g.description, g.photo_url,
       g.created_at, g.updated_at, g.archived_at, g.revision,
       g.language, g.company, g.department, g.office, g.notes, g.options
FROM line JOIN groups AS g ON g.tenant = $1 AND g.id = line.id
WHERE line.depth > 0
ORDER BY line.depth
