-- A number of what a group holds, beside its id in the index of keys: where a record says just that, the group itself
-- is not looked at. Null where a record cannot say all of it, in archived groups, and in those not written since.

ALTER TABLE groups ADD COLUMN content_hash INTEGER;

DROP INDEX groups_fold;
CREATE INDEX groups_fold ON groups (tenant, fold, content_hash, id) WHERE fold IS NOT NULL;
