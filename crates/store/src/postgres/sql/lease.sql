INSERT INTO schema_lease AS lease (one, holder, since, until)
VALUES (true, $1, clock_timestamp(), clock_timestamp() + interval '60 seconds')
ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, since = excluded.since, until = excluded.until
WHERE lease.until < excluded.since OR lease.holder = excluded.holder
