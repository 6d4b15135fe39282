-- What is left of the limits of access keys, which all servers take from in blocks. One small row a key and limit:
-- nothing of it has to survive, and none of it grows.

CREATE TABLE IF NOT EXISTS rate_leases (
    tenant   bigint NOT NULL,
    key_id   text COLLATE "C" NOT NULL,
    -- 1 requests, 2 records.
    metered  smallint NOT NULL,
    -- Microseconds since 1970, by the clock of the database.
    asked_at bigint NOT NULL,
    -- Microseconds from then on until the bucket is full again.
    debt     bigint NOT NULL,
    -- What was given last.
    granted  bigint NOT NULL,
    PRIMARY KEY (tenant, key_id, metered)
) /* per tenant */;
