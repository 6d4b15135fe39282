DELETE FROM extra_refs AS e
USING unnest($2::bigint[], $3::text[], $4::text[]) AS u (id, source, key)
WHERE e.tenant = $1 AND e.id = ANY ($2) AND e.id = u.id AND e.source = u.source AND e.key = u.key
RETURNING e.id, e.position
