INSERT INTO extra_refs (tenant, id, position, source, key, fold)
SELECT t.tenant, u.*
FROM tenants AS t
CROSS JOIN unnest($2::bigint[], $3::integer[], $4::text[], $5::text[], $6::bigint[]) AS u
WHERE t.tenant = $1
