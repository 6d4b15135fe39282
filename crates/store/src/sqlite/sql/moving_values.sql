SELECT attribute_id, language, value, checksum
FROM attribute_values
WHERE tenant = ?1 AND group_id = ?2
ORDER BY attribute_id, language
