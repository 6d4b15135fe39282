DELETE FROM addresses AS a
USING unnest($2::bigint[], $3::bigint[]) AS u (group_id, id)
WHERE a.tenant = $1 AND a.group_id = ANY ($2) AND a.group_id = u.group_id AND a.id = u.id
