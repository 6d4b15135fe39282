-- Planned anew each time, so a condition that is not set costs nothing.
SELECT id, name
FROM groups
WHERE tenant = $1 AND id > $2
  AND ($5::boolean IS NULL OR (archived_at IS NOT NULL) = $5)
  AND ($6::text IS NULL OR source = $6)
  AND ($7::bigint IS NULL OR updated_at > $7)
ORDER BY id
LIMIT $4 OFFSET $3
