-- Answers to writes that came with an idempotency key.

CREATE TABLE stored_answers (
    row         INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    -- SHA-256 of what was asked.
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX stored_answers_key ON stored_answers (tenant, key);
CREATE INDEX stored_answers_expiry ON stored_answers (expires_at);
