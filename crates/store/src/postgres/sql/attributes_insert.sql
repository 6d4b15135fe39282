INSERT INTO attributes (
    tenant, id, name, class, type, type_param, descriptions, units, group_name, default_value, flags)
SELECT t.tenant, u.*
FROM tenants AS t CROSS JOIN unnest(
    $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[]) AS u (
    id, name, class, type, type_param, descriptions, units, group_name, default_value, flags)
WHERE t.tenant = $1
