-- Rows follow. What fails is taken back by the transaction: without OR FAIL a journal would be kept of each run.
INSERT OR FAIL INTO groups (tenant, id, parent_id, source, key, fold, name, description, photo_url,
                            created_at, updated_at, revision, content_hash, checksum)
VALUES
