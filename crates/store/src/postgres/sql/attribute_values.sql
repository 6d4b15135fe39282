SELECT v.group_id, v.attribute_id, v.language, v.value
FROM unnest($2::bigint[], $3::bigint[]) AS asked (group_id, attribute_id)
JOIN attribute_values AS v ON v.tenant = $1 AND v.group_id = asked.group_id AND v.attribute_id = asked.attribute_id
