DELETE FROM runs
WHERE tenant = $1 AND id IN (SELECT id FROM runs WHERE tenant = $1 AND id < $2 ORDER BY id LIMIT $3)
