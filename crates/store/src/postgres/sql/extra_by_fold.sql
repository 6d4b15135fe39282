SELECT e.source, e.key, e.id, e.fold
FROM unnest($2::bigint[]) AS k (fold)
CROSS JOIN LATERAL (SELECT * FROM extra_refs WHERE tenant = $1 AND fold = k.fold OFFSET 0) AS e
