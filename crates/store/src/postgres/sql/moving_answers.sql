SELECT key, fingerprint, status, body, expires_at, run
FROM stored_answers
WHERE tenant = $1 AND key > $2
ORDER BY key
LIMIT $3
