INSERT OR REPLACE INTO attributes
    (tenant, id, name, class, type, type_param, descriptions, units, group_name, default_value, flags, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
        row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11))
