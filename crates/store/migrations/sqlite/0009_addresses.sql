-- Addresses of groups (contract 2). Texts that were not given are null.

CREATE TABLE addresses (
    tenant           INTEGER NOT NULL,
    group_id         INTEGER NOT NULL,
    id               INTEGER NOT NULL,
    -- Unique in the group; the plan sees to it.
    code             TEXT,
    type             TEXT    NOT NULL,
    country          TEXT    NOT NULL,
    gender           TEXT    NOT NULL,
    icp              INTEGER NOT NULL,
    is_default       INTEGER NOT NULL,
    notes            TEXT,
    first_name       TEXT,
    middle_name      TEXT,
    last_name        TEXT,
    street           TEXT,
    number           TEXT,
    number_extension TEXT,
    postal_code      TEXT,
    city             TEXT,
    region           TEXT,
    phone            TEXT,
    mobile           TEXT,
    email            TEXT,
    company          TEXT,
    url              TEXT,
    PRIMARY KEY (tenant, group_id, id)
) STRICT, WITHOUT ROWID;

-- The lowest id of an address that was never assigned: where it is 1, that table is never probed.
ALTER TABLE tenants ADD COLUMN next_address_id INTEGER NOT NULL DEFAULT 1;
