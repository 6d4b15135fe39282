-- What contract 2 knows of a group. All null where nothing of it was set: then a row is longer by six bytes, and
-- only the last of them is looked at.

ALTER TABLE groups ADD COLUMN language TEXT;
ALTER TABLE groups ADD COLUMN company TEXT;
ALTER TABLE groups ADD COLUMN department TEXT;
ALTER TABLE groups ADD COLUMN office TEXT;
ALTER TABLE groups ADD COLUMN notes TEXT;
-- Five letters, one for each of the choices; null only where all the others are.
ALTER TABLE groups ADD COLUMN options TEXT;
