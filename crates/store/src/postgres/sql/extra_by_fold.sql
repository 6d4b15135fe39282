SELECT e.source, e.key, e.id, e.fold
FROM unnest($2::bigint[]) AS k (fold)
JOIN extra_refs AS e ON e.tenant = $1 AND e.fold = k.fold
