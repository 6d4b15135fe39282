-- All, and those that are archived. The indexes alone tell: entries of the shorter one are looked up in the other.
WITH listed (total) AS MATERIALIZED (
    SELECT count(*) FROM groups INDEXED BY groups_children WHERE tenant = ?1 AND parent_id = ?2
)
SELECT total, CASE
    WHEN EXISTS (
        SELECT 1 FROM groups INDEXED BY groups_archived WHERE tenant = ?1 AND archived_at IS NOT NULL
        LIMIT 1 OFFSET (SELECT total FROM listed)
    ) THEN (
        SELECT count(*)
        FROM groups AS child INDEXED BY groups_children CROSS JOIN groups AS archived INDEXED BY groups_archived
        WHERE child.tenant = ?1 AND child.parent_id = ?2
          AND archived.tenant = ?1 AND archived.id = child.id AND archived.archived_at IS NOT NULL
    ) ELSE (
        SELECT count(*)
        FROM groups AS archived INDEXED BY groups_archived CROSS JOIN groups AS child INDEXED BY groups_children
        WHERE archived.tenant = ?1 AND archived.archived_at IS NOT NULL
          AND child.tenant = ?1 AND child.parent_id = ?2 AND child.id = archived.id
    ) END
FROM listed
