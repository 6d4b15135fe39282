UPDATE groups AS g
SET source = u.source, key = u.key, fold = u.fold
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[]) AS u (id, source, key, fold)
WHERE g.tenant = $1 AND g.id = ANY ($2) AND g.id = u.id
