-- All, and those that are archived. The indexes alone tell.
SELECT (SELECT count(*) FROM groups INDEXED BY groups_id WHERE tenant = ?1),
       (SELECT count(*) FROM groups INDEXED BY groups_archived WHERE tenant = ?1 AND archived_at IS NOT NULL)
