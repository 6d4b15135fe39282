-- Tenants, groups and access keys.

-- One row a tenant, with the counters that its transactions move.
CREATE TABLE tenants (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL DEFAULT 0,
    -- The lowest id that was never assigned; ids given by callers may lie above it.
    next_id    INTEGER NOT NULL DEFAULT 1,
    -- Rows of extra_refs: most tenants have none, and then that table is never probed.
    extra_refs INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row a group, with its first reference inside: a look-up by key is one probe of an index and one row.
CREATE TABLE groups (
    row         INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    parent_id   INTEGER,
    source      TEXT,
    key         TEXT,
    -- First 8 bytes of BLAKE3 of the folded key. Not unique: rows found by it are compared by their texts.
    fold        INTEGER,
    name        TEXT    NOT NULL,
    description TEXT,
    photo_url   TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    archived_at INTEGER,
    revision    INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX groups_id ON groups (tenant, id);
CREATE INDEX groups_fold ON groups (tenant, fold) WHERE fold IS NOT NULL;
-- With the id, so that children are found without touching their rows.
CREATE INDEX groups_children ON groups (tenant, parent_id, id) WHERE parent_id IS NOT NULL;

-- The second and further references of groups, in the order of their positions.
CREATE TABLE extra_refs (
    tenant   INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    position INTEGER NOT NULL,
    source   TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    fold     INTEGER NOT NULL,
    PRIMARY KEY (tenant, id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX extra_refs_fold ON extra_refs (tenant, fold);

CREATE TABLE access_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    scopes     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
