-- Lists of roots and of archived groups. A group that is neither costs its writes nothing: it is in neither index.

CREATE INDEX groups_roots ON groups (tenant, id) WHERE parent_id IS NULL;
CREATE INDEX groups_archived ON groups (tenant, id) WHERE archived_at IS NOT NULL;
