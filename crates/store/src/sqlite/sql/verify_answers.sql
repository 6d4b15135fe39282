SELECT key, fingerprint, status, body, expires_at, run, checksum, tenant, row
FROM stored_answers NOT INDEXED
WHERE row >= ?1
ORDER BY row ASC
