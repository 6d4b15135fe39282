SELECT k.fold, g.id, g.content_hash
FROM unnest($2::bigint[]) AS k (fold)
CROSS JOIN LATERAL (SELECT id, content_hash FROM groups WHERE tenant = $1 AND fold = k.fold OFFSET 0) AS g
