SELECT g.id
FROM groups AS g
WHERE g.tenant = $1 AND g.id >= (SELECT t.next_id FROM tenants AS t WHERE t.tenant = $1)
ORDER BY g.id
LIMIT 1
