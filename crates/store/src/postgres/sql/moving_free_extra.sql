DELETE FROM extra_refs AS e
USING unnest($2::text[], $3::text[], $4::bigint[]) AS u (source, key, fold)
WHERE e.tenant = $1 AND e.fold = u.fold AND e.source = u.source AND e.key = u.key
