SELECT id, name, class, type, type_param, descriptions, units, group_name, default_value, flags, checksum
FROM attributes
WHERE tenant = ?1 AND class = ?2 AND name = ?3
