-- The public half of the key that signs an OAuth client's tokens; an access key that is sent itself has none.
ALTER TABLE access_keys ADD COLUMN token_key BLOB;
