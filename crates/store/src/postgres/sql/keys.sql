-- Keys of groups.
SELECT g.id, g.key
FROM unnest($2::bigint[]) AS asked (id)
CROSS JOIN LATERAL (SELECT id, key FROM groups WHERE tenant = $1 AND id = asked.id OFFSET 0) AS g
