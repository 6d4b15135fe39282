SELECT revision, next_id, next_attribute_id, next_address_id, extra_refs
FROM tenants
WHERE tenant = $1
