SELECT group_id, count(DISTINCT attribute_id)
FROM attribute_values
WHERE tenant = $1 AND group_id = ANY ($2)
GROUP BY group_id
