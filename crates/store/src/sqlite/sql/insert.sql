INSERT INTO groups (tenant, id, parent_id, source, key, fold, name, description, photo_url,
                    created_at, updated_at, revision, content_hash, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13)
