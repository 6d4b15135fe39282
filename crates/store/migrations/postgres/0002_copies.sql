-- Copies of another store into this one that are under way.
-- Each statement is a transaction of its own, and may run again.

-- How far the copy of a tenant is, and under tenant 0 that there is a copy at all, and from where. Empty but while
-- a copy is under way.
CREATE TABLE IF NOT EXISTS copies (
    tenant bigint NOT NULL,
    mark   text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant)
) /* per tenant */;
