INSERT INTO tenants (tenant, revision, next_id, next_attribute_id, next_address_id, extra_refs)
VALUES ($1, $2, $3, $4, $5, $6)
