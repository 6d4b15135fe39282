SELECT id, tenant, hash, scopes, created_at, revoked_at, token_key, checksum
FROM access_keys INDEXED BY access_keys_tenant
WHERE tenant = ?1 AND id > ?2
ORDER BY id
