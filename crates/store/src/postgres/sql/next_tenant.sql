SELECT coalesce(max(tenant), 0) + 1
FROM tenant_names
HAVING count(*) FILTER (WHERE name = $1) = 0
