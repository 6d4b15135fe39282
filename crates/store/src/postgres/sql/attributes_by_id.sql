SELECT a.id, a.name, a.class, a.type, a.type_param, a.descriptions, a.units, a.group_name, a.default_value, a.flags, asked.place
FROM unnest($2::bigint[]) WITH ORDINALITY AS asked (id, place)
JOIN attributes AS a ON a.tenant = $1 AND a.id = asked.id
