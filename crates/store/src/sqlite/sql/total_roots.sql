-- All, and those that are archived. The indexes alone tell: entries of the shorter one are looked up in the other.
WITH listed (total) AS MATERIALIZED (
    SELECT count(*) FROM groups INDEXED BY groups_roots WHERE tenant = ?1 AND parent_id IS NULL
)
SELECT total, CASE
    WHEN EXISTS (
        SELECT 1 FROM groups INDEXED BY groups_archived WHERE tenant = ?1 AND archived_at IS NOT NULL
        LIMIT 1 OFFSET (SELECT total FROM listed)
    ) THEN (
        SELECT count(*)
        FROM groups AS root INDEXED BY groups_roots CROSS JOIN groups AS archived INDEXED BY groups_archived
        WHERE root.tenant = ?1 AND root.parent_id IS NULL
          AND archived.tenant = ?1 AND archived.id = root.id AND archived.archived_at IS NOT NULL
    ) ELSE (
        SELECT count(*)
        FROM groups AS archived INDEXED BY groups_archived CROSS JOIN groups AS root INDEXED BY groups_roots
        WHERE archived.tenant = ?1 AND archived.archived_at IS NOT NULL
          AND root.tenant = ?1 AND root.parent_id IS NULL AND root.id = archived.id
    ) END
FROM listed
