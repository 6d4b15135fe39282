-- Children of some groups, each behind one of them, in the order of the groups asked for.
SELECT asked.parent_id, child.id, child.is_archived
FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked (parent_id, behind, place)
CROSS JOIN LATERAL (
    SELECT g.id, g.archived_at IS NOT NULL AS is_archived
    FROM groups AS g
    WHERE g.tenant = $1 AND g.parent_id = asked.parent_id AND g.id > asked.behind
    ORDER BY g.id
    LIMIT $4
) AS child
ORDER BY asked.place, child.id
LIMIT $4
