INSERT INTO addresses (
    tenant, group_id, id, code, type, country, gender, icp, is_default, notes,
    first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
    phone, mobile, email, company, url)
SELECT t.tenant, u.*
FROM tenants AS t CROSS JOIN unnest(
    $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::boolean[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[]) AS u (
    group_id, id, code, type, country, gender, icp, is_default, notes,
    first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
    phone, mobile, email, company, url)
WHERE t.tenant = $1
