UPDATE groups AS g
SET source = NULL, key = NULL, fold = NULL
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS u (source, key, fold)
WHERE g.tenant = $1 AND g.fold = u.fold AND g.source = u.source AND g.key = u.key
