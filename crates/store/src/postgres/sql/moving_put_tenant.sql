INSERT INTO tenants (tenant, revision, next_id, next_attribute_id, next_address_id, extra_refs)
VALUES ($1, $2, $3, $4, $5, 0)
ON CONFLICT (tenant) DO UPDATE
SET revision = excluded.revision, next_id = excluded.next_id, next_attribute_id = excluded.next_attribute_id,
    next_address_id = excluded.next_address_id
