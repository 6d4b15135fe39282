-- The index alone tells.
SELECT value FROM rarray(?2) AS claimed
WHERE (SELECT count(*) FROM groups WHERE tenant = ?1 AND fold = claimed.value) > 1
