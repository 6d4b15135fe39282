INSERT INTO runs (tenant, id, key_id, face, operation, started_at, revision, dry_run, idempotency_key,
                  created, updated, unchanged, archived, restored, failed, omitted, failures, checksum, failures_checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
        row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16), row_checksum(?17))
ON CONFLICT (tenant, id) DO NOTHING
