INSERT INTO extra_refs (tenant, id, position, source, key, fold, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, row_checksum(?1, ?4, ?5, ?2, ?3))
