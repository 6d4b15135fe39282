SELECT key, fingerprint, status, body, expires_at, run, checksum
FROM stored_answers INDEXED BY stored_answers_key
WHERE tenant = ?1 AND key > ?2
ORDER BY key
