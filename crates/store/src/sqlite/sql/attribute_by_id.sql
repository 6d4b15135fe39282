SELECT id, name, class, type, type_param, descriptions, units, group_name, default_value, flags, checksum
FROM attributes
WHERE tenant = ?1 AND id = ?2
