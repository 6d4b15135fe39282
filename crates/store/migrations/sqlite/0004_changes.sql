-- The change feed: groups in the order of their revisions. A first load appends to it, so it costs few pages.

CREATE INDEX groups_revision ON groups (tenant, revision, id);
