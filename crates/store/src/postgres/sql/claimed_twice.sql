SELECT c.key
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS c (source, key, fold)
WHERE (SELECT count(*) FROM groups AS g
       WHERE g.tenant = $1 AND g.fold = c.fold AND g.source = c.source AND g.key = c.key)
    + (SELECT count(*) FROM extra_refs AS e
       WHERE e.tenant = $1 AND e.fold = c.fold AND e.source = c.source AND e.key = c.key) > 1
LIMIT 1
