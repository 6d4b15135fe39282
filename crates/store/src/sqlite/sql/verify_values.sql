SELECT group_id, attribute_id, language, value, checksum, tenant
FROM attribute_values NOT INDEXED
ORDER BY tenant ASC, group_id ASC, attribute_id ASC, language ASC
