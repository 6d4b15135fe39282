SELECT asked.group_id, own.attributes
FROM unnest($2::bigint[]) AS asked (group_id)
CROSS JOIN LATERAL (
    SELECT count(DISTINCT attribute_id) AS attributes FROM attribute_values WHERE tenant = $1 AND group_id = asked.group_id
) AS own
