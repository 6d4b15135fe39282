INSERT INTO addresses (
    tenant, group_id, id, code, type, country, gender, icp, is_default, notes,
    first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
    phone, mobile, email, company, url, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
        ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
        row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                     ?22, ?23, ?24))
