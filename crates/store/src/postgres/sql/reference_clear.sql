UPDATE groups AS g
SET source = NULL, key = NULL, fold = NULL
FROM unnest($2::bigint[], $3::text[], $4::text[]) AS u (id, source, key)
WHERE g.tenant = $1 AND g.id = ANY ($2) AND g.id = u.id AND g.source = u.source AND g.key = u.key
RETURNING g.id
