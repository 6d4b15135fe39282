INSERT INTO tenants (id, name, created_at, revision, next_id, next_attribute_id, next_address_id, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, row_checksum(?1, ?2, ?3, ?4, ?5, 0, ?6, ?7))
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, created_at = excluded.created_at, revision = excluded.revision, next_id = excluded.next_id,
    next_attribute_id = excluded.next_attribute_id, next_address_id = excluded.next_address_id,
    checksum = row_checksum(id, excluded.name, excluded.created_at, excluded.revision, excluded.next_id, extra_refs,
                            excluded.next_attribute_id, excluded.next_address_id)
