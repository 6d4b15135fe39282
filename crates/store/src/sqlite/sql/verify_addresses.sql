SELECT group_id, id, code, type, country, gender, icp, is_default, notes,
       first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
       phone, mobile, email, company, url, checksum, tenant
FROM addresses NOT INDEXED
ORDER BY tenant ASC, group_id ASC, id ASC
