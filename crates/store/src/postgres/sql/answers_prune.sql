DELETE FROM stored_answers
WHERE tenant = $1 AND key IN (
    SELECT key FROM stored_answers
    WHERE tenant = $1 AND expires_at <= $2
    ORDER BY expires_at
    LIMIT $3)
