UPDATE attributes AS a
SET type_param = u.type_param, descriptions = u.descriptions, units = u.units, group_name = u.group_name,
    default_value = u.default_value, flags = u.flags
FROM unnest(
    $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[]) AS u (
    id, name, class, type, type_param, descriptions, units, group_name, default_value, flags)
WHERE a.tenant = $1 AND a.id = u.id AND a.name = u.name AND a.class = u.class AND a.type = u.type
