-- A checksum of every row, because SQLite does not notice a bit that has changed in what a row holds: CRC-32 of the
-- columns that `row_checksum` names here, in their order, without nulls at the end. Numbers under which keys are found are not among them: they
-- can be computed anew. A row that nobody gave one has 0, and counts as damaged.

ALTER TABLE tenants ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE tenants
SET checksum = row_checksum(id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id);

ALTER TABLE groups ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE groups
SET checksum = row_checksum(tenant, id, parent_id, source, key, name, description, photo_url, created_at, updated_at,
                            archived_at, revision, language, company, department, office, notes, options);

ALTER TABLE extra_refs ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE extra_refs SET checksum = row_checksum(tenant, source, key, id, position);

ALTER TABLE access_keys ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE access_keys SET checksum = row_checksum(id, tenant, hash, scopes, created_at, revoked_at, token_key);

ALTER TABLE stored_answers ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE stored_answers SET checksum = row_checksum(tenant, key, fingerprint, status, body, expires_at, run);

-- That of the failures is beside that of the row, so that a list need not read them.
ALTER TABLE runs ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN failures_checksum INTEGER NOT NULL DEFAULT 0;
UPDATE runs
SET checksum = row_checksum(tenant, id, key_id, face, operation, started_at, revision, dry_run, idempotency_key,
                            created, updated, unchanged, archived, restored, failed, omitted),
    failures_checksum = row_checksum(failures);

ALTER TABLE attributes ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE attributes
SET checksum = row_checksum(tenant, id, name, class, type, type_param, descriptions, units, group_name, default_value,
                            flags);

ALTER TABLE attribute_values ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE attribute_values SET checksum = row_checksum(tenant, group_id, attribute_id, language, value);

ALTER TABLE addresses ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE addresses
SET checksum = row_checksum(tenant, group_id, id, code, type, country, gender, icp, is_default, notes,
                            first_name, middle_name, last_name, street, number, number_extension, postal_code, city,
                            region, phone, mobile, email, company, url);

-- What a backup holds, one row a tenant: filled in the file of a backup, and empty everywhere else.
CREATE TABLE backups (
    tenant   INTEGER PRIMARY KEY,
    made_at  INTEGER NOT NULL,
    -- Of the rosterd that made it.
    version  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    -- As `rosterd db digest` shows it.
    digest   BLOB    NOT NULL,
    groups   INTEGER NOT NULL
) STRICT;
