-- The index for searches. Derived: it can be thrown away at any time, and is made anew from the data file.

-- Up to where in the order of a tenant's changes the data file is taken in.
CREATE TABLE progress (
    tenant     INTEGER PRIMARY KEY,
    revision   INTEGER NOT NULL,
    last_group INTEGER NOT NULL,
    -- The last change that there was up to there, and its time: what the data file must know too.
    changed    INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Since which start of the machine the file has been written. It is not synced: what the machine forgets when it
-- goes down may be any part of it.
CREATE TABLE boot (id TEXT NOT NULL) STRICT;

CREATE TABLE words (
    tenant INTEGER NOT NULL,
    word   TEXT    NOT NULL,
    id     INTEGER NOT NULL,
    PRIMARY KEY (tenant, word, id)
) STRICT, WITHOUT ROWID;

-- The words of each group, so that those it has no more can be taken out.
CREATE TABLE groups (
    tenant INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    words  TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
