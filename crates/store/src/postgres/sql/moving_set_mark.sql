INSERT INTO copies (tenant, mark)
VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET mark = excluded.mark
