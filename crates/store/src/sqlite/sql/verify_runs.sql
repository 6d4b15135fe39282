SELECT id, key_id, face, operation, started_at, revision, dry_run, idempotency_key,
       created, updated, unchanged, archived, restored, failed, omitted, checksum, tenant, failures, failures_checksum,
       row
FROM runs NOT INDEXED
WHERE row >= ?1
ORDER BY row ASC
