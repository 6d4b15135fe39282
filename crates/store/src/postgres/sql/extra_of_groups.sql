SELECT e.source, e.key, e.id
FROM unnest($2::bigint[]) AS k (id)
JOIN extra_refs AS e ON e.tenant = $1 AND e.id = k.id
ORDER BY e.id, e.position
