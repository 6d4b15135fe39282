INSERT OR REPLACE INTO attribute_values (tenant, group_id, attribute_id, language, value, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, row_checksum(?1, ?2, ?3, ?4, ?5))
