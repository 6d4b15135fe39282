UPDATE groups AS g
SET archived_at = $3, content_hash = NULL, updated_at = $3, revision = $4
FROM unnest($2::bigint[]) AS u (id)
WHERE g.tenant = $1 AND g.id = ANY ($2) AND g.id = u.id AND g.archived_at IS NULL
