SELECT e.source, e.key, e.id
FROM unnest($2::bigint[]) AS k (id)
CROSS JOIN LATERAL (SELECT * FROM extra_refs WHERE tenant = $1 AND id = k.id OFFSET 0) AS e
ORDER BY e.id, e.position
