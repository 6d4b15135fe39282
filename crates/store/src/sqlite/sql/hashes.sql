-- The index alone tells.
SELECT id, content_hash FROM groups WHERE tenant = ?1 AND fold = ?2
