SELECT id, key_id, face, operation, started_at, revision, dry_run, idempotency_key,
       created, updated, unchanged, archived, restored, failed, omitted, failures
FROM runs
WHERE tenant = $1 AND id > $2
ORDER BY id
LIMIT $3
