-- Whether these groups have no reference with them, and the last position beside them.
SELECT g.id, g.key IS NULL,
       coalesce((SELECT max(e.position) FROM extra_refs AS e WHERE e.tenant = $1 AND e.id = g.id), 0)
FROM unnest($2::bigint[]) AS k (id)
CROSS JOIN LATERAL (SELECT * FROM groups WHERE tenant = $1 AND id = k.id OFFSET 0) AS g
