-- What a group shows of attributes, one page of it: for each attribute and language the value of the nearest group
-- from itself upwards, else the default. Values are read at the end only, those of the page.
WITH RECURSIVE
line (depth, id, parent_id) AS (
    SELECT 0, id, parent_id FROM groups WHERE tenant = ?1 AND id = ?2
    UNION ALL
    -- A stored tree is never as deep: it would run in a circle.
    SELECT line.depth + 1, g.id, g.parent_id
    FROM line CROSS JOIN groups AS g ON g.tenant = ?1 AND g.id = line.parent_id
    WHERE line.depth < 65536
),
-- The other columns are those of the row with the least depth.
nearest (attribute_id, language, depth, group_id) AS MATERIALIZED (
    SELECT v.attribute_id, v.language, min(line.depth), line.id
    FROM line CROSS JOIN attribute_values AS v ON v.tenant = ?1 AND v.group_id = line.id
    GROUP BY v.attribute_id, v.language
),
shown (id) AS MATERIALIZED (
    SELECT attribute_id FROM nearest
    UNION
    SELECT id FROM attributes INDEXED BY attributes_default
    WHERE tenant = ?1 AND default_value IS NOT NULL AND class = 'user'
      AND EXISTS (SELECT 1 FROM line)
),
page (id) AS MATERIALIZED (
    SELECT id FROM shown ORDER BY id LIMIT ?4 OFFSET ?3
),
-- The page is a range of what is shown.
part (attribute_id, language, depth, group_id) AS (
    SELECT attribute_id, language, depth, group_id FROM nearest
    WHERE attribute_id BETWEEN (SELECT min(id) FROM page) AND (SELECT max(id) FROM page)
    UNION ALL
    SELECT id, NULL, NULL, NULL FROM page WHERE id NOT IN (SELECT attribute_id FROM nearest)
)
SELECT a.id, a.name, a.class, a.type, a.type_param, a.descriptions, a.units, a.group_name, a.default_value, a.flags,
       a.checksum, total.total, part.depth, part.group_id, part.attribute_id, part.language, v.value, v.checksum
FROM (SELECT count(*) AS total FROM shown) AS total
LEFT JOIN part
LEFT JOIN attributes AS a ON a.tenant = ?1 AND a.id = part.attribute_id
LEFT JOIN attribute_values AS v
  ON v.tenant = ?1 AND v.group_id = part.group_id AND v.attribute_id = part.attribute_id
  AND v.language = part.language
ORDER BY part.attribute_id, part.language
