-- What the first release stored; the numbers in `fold` are part of what must stay readable.
INSERT INTO tenants (id, name, created_at, revision, next_id, extra_refs) VALUES (1, 'school', 1000, 4, 4, 1);
INSERT INTO groups (tenant, id, parent_id, source, key, fold, name, description, photo_url, created_at, updated_at, archived_at, revision) VALUES
    (1, 1, NULL, 'Ypareo', 'HR-001', -5434105166996785117, 'First', 'with a description', 'https://example.org/1.png', 1000, 2000, NULL, 2),
    (1, 2, 1, '', 'Straße', -210515753673097073, 'Second', NULL, NULL, 1000, 1000, NULL, 1),
    (1, 3, 2, 'Ypareo', '日本', -5370995447983484165, 'Third', '', NULL, 1500, 4000, 4000, 4),
    (1, 9007199254740991, 1, NULL, NULL, NULL, 'Given', NULL, NULL, 3000, 3000, NULL, 3);
INSERT INTO extra_refs (tenant, id, position, source, key, fold) VALUES (1, 1, 1, 'Other', 'ﬁ', 5659109513654014242);
INSERT INTO access_keys (id, tenant, hash, scopes, created_at, revoked_at) VALUES ('public', 1, zeroblob(32), 'groups:write', 1000, NULL);
