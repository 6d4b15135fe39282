UPDATE attributes
SET type_param = ?6, descriptions = ?7, units = ?8, group_name = ?9, default_value = ?10, flags = ?11,
    checksum = row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
WHERE tenant = ?1 AND id = ?2 AND name = ?3 AND class = ?4 AND type = ?5
