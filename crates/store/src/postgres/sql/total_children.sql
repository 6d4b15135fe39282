-- OFFSET keeps the planner from dividing this among several processes. Where nothing but the place is asked for, the
-- index tells.
SELECT count(*)
FROM (
    SELECT id FROM groups
    WHERE tenant = $1 AND parent_id = $5
      AND ($2::boolean IS NULL OR (archived_at IS NOT NULL) = $2)
      AND ($3::text IS NULL OR source = $3)
      AND ($4::bigint IS NULL OR updated_at > $4)
    OFFSET 0
) AS listed
