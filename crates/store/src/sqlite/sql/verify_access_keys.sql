SELECT id, tenant, hash, scopes, created_at, revoked_at, token_key, checksum
FROM access_keys NOT INDEXED
ORDER BY id ASC
