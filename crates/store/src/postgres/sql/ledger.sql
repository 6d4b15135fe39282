CREATE TABLE IF NOT EXISTS schema_migrations (
    number bigint PRIMARY KEY,
    name   text NOT NULL,
    hash   bytea NOT NULL,
    spread text NOT NULL
);
-- One row, while somebody changes the schema.
CREATE TABLE IF NOT EXISTS schema_lease (
    one    boolean PRIMARY KEY,
    holder text NOT NULL,
    since  timestamptz NOT NULL,
    until  timestamptz NOT NULL
);
