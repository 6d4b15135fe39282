SELECT id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id, checksum
FROM tenants NOT INDEXED
WHERE id >= ?1
ORDER BY id ASC
