-- What is kept of each batch that was carried out.

CREATE TABLE runs (
    row             INTEGER PRIMARY KEY,
    tenant          INTEGER NOT NULL,
    -- 16 bytes that sort by the time at which the run began.
    id              BLOB    NOT NULL,
    key_id          TEXT    NOT NULL,
    face            TEXT    NOT NULL,
    operation       TEXT    NOT NULL,
    started_at      INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    dry_run         INTEGER NOT NULL,
    idempotency_key TEXT,
    created         INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    unchanged       INTEGER NOT NULL,
    archived        INTEGER NOT NULL,
    restored        INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    omitted         INTEGER NOT NULL,
    -- Last, so that a list need not read it.
    failures        BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX runs_id ON runs (tenant, id);
CREATE INDEX runs_failed ON runs (tenant, id) WHERE failed > 0;
CREATE INDEX runs_idempotency_key ON runs (tenant, idempotency_key, id) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_start ON runs (started_at);

-- The run that an answer tells of; answers from before there were runs have none.
ALTER TABLE stored_answers ADD COLUMN run BLOB;
