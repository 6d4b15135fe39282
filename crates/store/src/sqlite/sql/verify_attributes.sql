SELECT id, name, class, type, type_param, descriptions, units, group_name, default_value, flags, checksum, tenant
FROM attributes NOT INDEXED
ORDER BY tenant ASC, id ASC
