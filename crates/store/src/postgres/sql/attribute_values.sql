-- OFFSET keeps the planner from joining by other means: without statistics it would sort all values of a tenant.
SELECT asked.group_id, asked.attribute_id, own.language, own.value
FROM unnest($2::bigint[], $3::bigint[]) AS asked (group_id, attribute_id)
CROSS JOIN LATERAL (
    SELECT v.language, v.value
    FROM attribute_values AS v
    WHERE v.tenant = $1 AND v.group_id = asked.group_id AND v.attribute_id = asked.attribute_id
    OFFSET 0
) AS own
