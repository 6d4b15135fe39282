UPDATE addresses
SET code = ?4, type = ?5, country = ?6, gender = ?7, icp = ?8, is_default = ?9, notes = ?10,
    first_name = ?11, middle_name = ?12, last_name = ?13, street = ?14, number = ?15, number_extension = ?16,
    postal_code = ?17, city = ?18, region = ?19, phone = ?20, mobile = ?21, email = ?22, company = ?23, url = ?24,
    checksum = row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                            ?21, ?22, ?23, ?24)
WHERE tenant = ?1 AND group_id = ?2 AND id = ?3
