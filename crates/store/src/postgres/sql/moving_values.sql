SELECT group_id, attribute_id, language, value
FROM attribute_values
WHERE tenant = $1 AND group_id = ANY ($2)
ORDER BY group_id, attribute_id, language
