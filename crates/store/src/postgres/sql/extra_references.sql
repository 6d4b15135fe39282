-- Most tenants have none: then the table is not looked at.
SELECT id, source, key
FROM extra_refs
WHERE tenant = $1 AND id = ANY ($2) AND EXISTS (SELECT 1 FROM tenants WHERE tenant = $1 AND extra_refs > 0)
ORDER BY id, position
