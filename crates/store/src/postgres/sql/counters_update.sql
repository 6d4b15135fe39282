UPDATE tenants
SET revision = $2, next_id = $3, next_attribute_id = $4, next_address_id = $5, extra_refs = $6
WHERE tenant = $1
