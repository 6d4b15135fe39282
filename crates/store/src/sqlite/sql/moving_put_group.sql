INSERT INTO groups (tenant, id, parent_id, source, key, fold, name, description, photo_url,
                    created_at, updated_at, archived_at, revision,
                    language, company, department, office, notes, options, content_hash, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        row_checksum(?1, ?2, ?3, ?4, ?5, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19))
