SELECT id, key_id, face, operation, started_at, revision, dry_run, idempotency_key,
       created, updated, unchanged, archived, restored, failed, omitted, checksum
FROM runs INDEXED BY runs_id
WHERE tenant = ?1 AND id < ?2 AND id >= ?3
ORDER BY id DESC
