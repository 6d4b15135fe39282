-- Copies of another store into this one that are under way, and access keys tenant by tenant.

-- How far the copy of a tenant is, and under tenant 0 that there is a copy at all, and from where. Empty but while
-- a copy is under way.
CREATE TABLE copies (
    tenant INTEGER PRIMARY KEY,
    mark   TEXT    NOT NULL
) STRICT;

CREATE INDEX access_keys_tenant ON access_keys (tenant, id);
