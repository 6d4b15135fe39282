INSERT INTO stored_answers (tenant, key, fingerprint, status, body, expires_at, run)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, key) DO NOTHING
