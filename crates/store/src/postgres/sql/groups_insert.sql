INSERT INTO groups (tenant, id, parent_id, source, key, fold, name, description, photo_url,
                    created_at, updated_at, revision, language, company, department, office, notes, options, content_hash)
SELECT t.tenant, u.*
FROM tenants AS t
CROSS JOIN unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[],
                  $10::bigint[], $11::bigint[], $12::bigint[],
                  $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[]) AS u
WHERE t.tenant = $1
