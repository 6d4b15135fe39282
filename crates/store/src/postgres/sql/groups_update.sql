UPDATE groups AS g
SET parent_id = u.parent_id, name = u.name, description = u.description, photo_url = u.photo_url,
    language = u.language, company = u.company, department = u.department, office = u.office, notes = u.notes,
    options = u.options, content_hash = u.content_hash, updated_at = $14, revision = $15
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[])
     AS u (id, parent_id, name, description, photo_url, language, company, department, office, notes, options, content_hash)
WHERE g.tenant = $1 AND g.id = ANY ($2) AND g.id = u.id
