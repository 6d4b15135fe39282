-- OFFSET keeps the planner from looking at all addresses of a tenant.
SELECT a.id, a.code, a.type, a.country, a.gender, a.icp, a.is_default, a.notes,
       a.first_name, a.middle_name, a.last_name, a.street, a.number, a.number_extension, a.postal_code, a.city,
       a.region, a.phone, a.mobile, a.email, a.company, a.url, a.group_id
FROM unnest($2::bigint[]) AS asked (group_id)
CROSS JOIN LATERAL (
    SELECT * FROM addresses WHERE tenant = $1 AND group_id = asked.group_id OFFSET 0
) AS a
ORDER BY a.group_id, a.id
