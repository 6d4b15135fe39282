SELECT a.id, a.name, a.class, a.type, a.type_param, a.descriptions, a.units, a.group_name, a.default_value, a.flags, asked.place
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked (class, name, place)
JOIN attributes AS a ON a.tenant = $1 AND a.class = asked.class AND a.name = asked.name
