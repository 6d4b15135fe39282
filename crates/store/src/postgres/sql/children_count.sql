-- How many children of these groups live, counted as far as a plan wants to know.
SELECT k.id, count(*)
FROM unnest($2::bigint[]) AS k (id)
CROSS JOIN LATERAL (
    SELECT 1
    FROM groups AS g
    WHERE g.tenant = $1 AND g.parent_id = k.id AND g.archived_at IS NULL
    LIMIT $3
) AS child
GROUP BY k.id
