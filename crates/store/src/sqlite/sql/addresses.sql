SELECT id, code, type, country, gender, icp, is_default, notes,
       first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
       phone, mobile, email, company, url, checksum
FROM addresses
WHERE tenant = ?1 AND group_id = ?2 AND (?3 IS NULL OR type = ?3)
ORDER BY id
