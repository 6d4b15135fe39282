SELECT id, code, type, country, gender, icp, is_default, notes,
       first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
       phone, mobile, email, company, url, group_id
FROM addresses
WHERE tenant = $1 AND group_id = ANY ($2)
ORDER BY group_id, id
