-- Most tenants have none: then the table is not looked at.
SELECT e.id, e.source, e.key
FROM unnest($2::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    SELECT id, position, source, key FROM extra_refs WHERE tenant = $1 AND id = asked.id OFFSET 0
) AS e
WHERE EXISTS (SELECT 1 FROM tenants WHERE tenant = $1 AND extra_refs > 0)
ORDER BY e.id, e.position
