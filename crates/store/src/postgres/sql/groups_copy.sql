COPY groups (tenant, id, parent_id, source, key, fold, name, description, photo_url, created_at, updated_at, revision,
             language, company, department, office, notes, options, content_hash)
FROM STDIN BINARY
