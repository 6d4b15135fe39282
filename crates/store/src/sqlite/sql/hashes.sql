-- The index alone tells.
SELECT asked.value, groups.id, groups.content_hash
FROM rarray(?2) AS asked CROSS JOIN groups
WHERE groups.tenant = ?1 AND groups.fold = asked.value
