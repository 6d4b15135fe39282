INSERT INTO attribute_values (tenant, group_id, attribute_id, language, value)
SELECT t.tenant, u.*
FROM tenants AS t
CROSS JOIN unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS u (group_id, attribute_id, language, value)
WHERE t.tenant = $1
ON CONFLICT (tenant, group_id, attribute_id, language) DO UPDATE SET value = excluded.value
