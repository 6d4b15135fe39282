UPDATE addresses AS a
SET code = u.code, type = u.type, country = u.country, gender = u.gender, icp = u.icp, is_default = u.is_default,
    notes = u.notes, first_name = u.first_name, middle_name = u.middle_name, last_name = u.last_name,
    street = u.street, number = u.number, number_extension = u.number_extension, postal_code = u.postal_code,
    city = u.city, region = u.region, phone = u.phone, mobile = u.mobile, email = u.email, company = u.company,
    url = u.url
FROM unnest(
    $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::boolean[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[]) AS u (
    group_id, id, code, type, country, gender, icp, is_default, notes,
    first_name, middle_name, last_name, street, number, number_extension, postal_code, city, region,
    phone, mobile, email, company, url)
WHERE a.tenant = $1 AND a.group_id = ANY ($2) AND a.group_id = u.group_id AND a.id = u.id
