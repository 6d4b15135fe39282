-- Attributes: what tenants define, and the values that groups have of their own.

-- The lowest id of an attribute that was never assigned.
ALTER TABLE tenants ADD COLUMN next_attribute_id INTEGER NOT NULL DEFAULT 1;

CREATE TABLE attributes (
    tenant        INTEGER NOT NULL,
    id            INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    class         TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    type_param    TEXT    NOT NULL,
    -- Two letters of a language and a text each, U+001F between them.
    descriptions  TEXT    NOT NULL,
    units         TEXT    NOT NULL,
    group_name    TEXT    NOT NULL,
    -- In canonical form; null where there is none.
    default_value TEXT,
    -- Four letters, Y or N: public, searchable, of the system, hidden.
    flags         TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX attributes_name ON attributes (tenant, class, name);
-- What groups show without a value of their own or of a group above them.
CREATE INDEX attributes_default ON attributes (tenant, id) WHERE default_value IS NOT NULL AND class = 'user';

-- The values of a group lie together, in the order in which they are shown.
CREATE TABLE attribute_values (
    tenant       INTEGER NOT NULL,
    group_id     INTEGER NOT NULL,
    attribute_id INTEGER NOT NULL,
    -- Two letters; empty where a value has no languages.
    language     TEXT    NOT NULL,
    -- In canonical form.
    value        TEXT    NOT NULL,
    PRIMARY KEY (tenant, group_id, attribute_id, language)
) STRICT, WITHOUT ROWID;

CREATE INDEX attribute_values_attribute ON attribute_values (tenant, attribute_id);
