-- Everything, in one step: this engine is younger than the embedded one, whose steps it has not lived through.
--
-- What belongs to a tenant has its number first in every key, so that it can be spread over partitions or nodes by
-- it. `per tenant` and `shared` say which tables these are; how they are spread is not said here. Only what Citus
-- knows: no sequences, no own types, no triggers, no foreign keys. Texts compare by their bytes.
-- Each statement is a transaction of its own, and may run again.

-- One row a tenant: what its transactions lock, and the counters that they move.
CREATE TABLE IF NOT EXISTS tenants (
    tenant            bigint NOT NULL,
    revision          bigint NOT NULL,
    -- The lowest ids that were never assigned.
    next_id           bigint NOT NULL,
    next_attribute_id bigint NOT NULL,
    next_address_id   bigint NOT NULL,
    -- Rows of extra_refs: most tenants have none, and then that table is never looked at.
    extra_refs        bigint NOT NULL,
    PRIMARY KEY (tenant)
) /* per tenant */;

-- Names are unique among all tenants, so they are not spread.
CREATE TABLE IF NOT EXISTS tenant_names (
    name       text COLLATE "C" NOT NULL,
    tenant     bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (name),
    UNIQUE (tenant)
) /* shared */;

-- A key is looked up before its tenant is known.
CREATE TABLE IF NOT EXISTS access_keys (
    id         text COLLATE "C" NOT NULL,
    tenant     bigint NOT NULL,
    hash       bytea NOT NULL,
    scopes     text NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint,
    -- The public half of the key that signs an OAuth client's tokens.
    token_key  bytea,
    PRIMARY KEY (id)
) /* shared */;

-- One row a group, with its first reference inside.
CREATE TABLE IF NOT EXISTS groups (
    tenant      bigint NOT NULL,
    id          bigint NOT NULL,
    parent_id   bigint,
    source      text COLLATE "C",
    key         text COLLATE "C",
    -- First 8 bytes of BLAKE3 of the folded key: rows found by it are compared by their texts.
    fold        bigint,
    name        text COLLATE "C" NOT NULL,
    description text COLLATE "C",
    photo_url   text COLLATE "C",
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    archived_at bigint,
    revision    bigint NOT NULL,
    -- What contract 2 knows of a group; null where nothing of it was set.
    language    text COLLATE "C",
    company     text COLLATE "C",
    department  text COLLATE "C",
    office      text COLLATE "C",
    notes       text COLLATE "C",
    options     text COLLATE "C",
    PRIMARY KEY (tenant, id)
) /* per tenant */;

-- Look-ups by a key or by one like it, and what keeps a reference from belonging to two groups.
CREATE UNIQUE INDEX IF NOT EXISTS groups_reference ON groups (tenant, fold, source, key) WHERE fold IS NOT NULL;
CREATE INDEX IF NOT EXISTS groups_children ON groups (tenant, parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS groups_roots ON groups (tenant, id) WHERE parent_id IS NULL;
CREATE INDEX IF NOT EXISTS groups_archived ON groups (tenant, id) WHERE archived_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS groups_revision ON groups (tenant, revision, id);

-- The second and further references of groups, in the order of their positions.
CREATE TABLE IF NOT EXISTS extra_refs (
    tenant   bigint NOT NULL,
    id       bigint NOT NULL,
    position integer NOT NULL,
    source   text COLLATE "C" NOT NULL,
    key      text COLLATE "C" NOT NULL,
    fold     bigint NOT NULL,
    PRIMARY KEY (tenant, id, position)
) /* per tenant */;

CREATE UNIQUE INDEX IF NOT EXISTS extra_refs_reference ON extra_refs (tenant, fold, source, key);

-- Answers to writes that came with an idempotency key.
CREATE TABLE IF NOT EXISTS stored_answers (
    tenant      bigint NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    status      integer NOT NULL,
    body        bytea NOT NULL,
    expires_at  bigint NOT NULL,
    run         bytea,
    PRIMARY KEY (tenant, key)
) /* per tenant */;

CREATE INDEX IF NOT EXISTS stored_answers_expiry ON stored_answers (tenant, expires_at);

-- What is kept of each batch that was carried out. Ids sort by the time at which it began.
CREATE TABLE IF NOT EXISTS runs (
    tenant          bigint NOT NULL,
    id              bytea NOT NULL,
    key_id          text COLLATE "C" NOT NULL,
    face            text COLLATE "C" NOT NULL,
    operation       text COLLATE "C" NOT NULL,
    started_at      bigint NOT NULL,
    revision        bigint NOT NULL,
    dry_run         boolean NOT NULL,
    idempotency_key text COLLATE "C",
    created         bigint NOT NULL,
    updated         bigint NOT NULL,
    unchanged       bigint NOT NULL,
    archived        bigint NOT NULL,
    restored        bigint NOT NULL,
    failed          bigint NOT NULL,
    omitted         bigint NOT NULL,
    failures        bytea NOT NULL,
    PRIMARY KEY (tenant, id)
) /* per tenant */;

CREATE INDEX IF NOT EXISTS runs_failed ON runs (tenant, id) WHERE failed > 0;
CREATE INDEX IF NOT EXISTS runs_idempotency_key ON runs (tenant, idempotency_key, id) WHERE idempotency_key IS NOT NULL;

-- Attributes: what tenants define, and the values that groups have of their own.
CREATE TABLE IF NOT EXISTS attributes (
    tenant        bigint NOT NULL,
    id            bigint NOT NULL,
    name          text COLLATE "C" NOT NULL,
    class         text COLLATE "C" NOT NULL,
    type          text COLLATE "C" NOT NULL,
    type_param    text COLLATE "C" NOT NULL,
    -- Two letters of a language and a text each, U+001F between them.
    descriptions  text COLLATE "C" NOT NULL,
    units         text COLLATE "C" NOT NULL,
    group_name    text COLLATE "C" NOT NULL,
    -- In canonical form; null where there is none.
    default_value text COLLATE "C",
    -- Four letters, Y or N: public, searchable, of the system, hidden.
    flags         text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
) /* per tenant */;

CREATE UNIQUE INDEX IF NOT EXISTS attributes_name ON attributes (tenant, class, name);
CREATE INDEX IF NOT EXISTS attributes_default ON attributes (tenant, id) WHERE default_value IS NOT NULL AND class = 'user';

CREATE TABLE IF NOT EXISTS attribute_values (
    tenant       bigint NOT NULL,
    group_id     bigint NOT NULL,
    attribute_id bigint NOT NULL,
    -- Two letters; empty where a value has no languages.
    language     text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, group_id, attribute_id, language)
) /* per tenant */;

CREATE INDEX IF NOT EXISTS attribute_values_attribute ON attribute_values (tenant, attribute_id);

-- Addresses of groups (contract 2). Texts that were not given are null.
CREATE TABLE IF NOT EXISTS addresses (
    tenant           bigint NOT NULL,
    group_id         bigint NOT NULL,
    id               bigint NOT NULL,
    code             text COLLATE "C",
    type             text COLLATE "C" NOT NULL,
    country          text COLLATE "C" NOT NULL,
    gender           text COLLATE "C" NOT NULL,
    icp              boolean NOT NULL,
    is_default       boolean NOT NULL,
    notes            text COLLATE "C",
    first_name       text COLLATE "C",
    middle_name      text COLLATE "C",
    last_name        text COLLATE "C",
    street           text COLLATE "C",
    number           text COLLATE "C",
    number_extension text COLLATE "C",
    postal_code      text COLLATE "C",
    city             text COLLATE "C",
    region           text COLLATE "C",
    phone            text COLLATE "C",
    mobile           text COLLATE "C",
    email            text COLLATE "C",
    company          text COLLATE "C",
    url              text COLLATE "C",
    PRIMARY KEY (tenant, group_id, id)
) /* per tenant */;
