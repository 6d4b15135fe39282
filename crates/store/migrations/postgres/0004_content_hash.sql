-- A number of what a group holds: where a record says just that, the rest of the row is not sent. Null where a record
-- cannot say all of it, in archived groups, and in those not written since.
ALTER TABLE groups ADD COLUMN IF NOT EXISTS content_hash bigint;
