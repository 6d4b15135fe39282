-- $4 units in a minute, of which at least $5 or none, at most $6; $7 come back. What is missing is counted in the
-- microseconds in which it flows in.
UPDATE rate_leases
   SET asked_at = greatest(asked_at, clock.time),
       granted = CASE
           WHEN (60000000 - greatest(0, debt - greatest(0, clock.time - asked_at) - $7 * 60000000 / $4)) * $4
                / 60000000 >= $5
           THEN least($6, (60000000 - greatest(0, debt - greatest(0, clock.time - asked_at) - $7 * 60000000 / $4))
                * $4 / 60000000)
           ELSE 0 END,
       debt = greatest(0, debt - greatest(0, clock.time - asked_at) - $7 * 60000000 / $4) + 60000000 * CASE
           WHEN (60000000 - greatest(0, debt - greatest(0, clock.time - asked_at) - $7 * 60000000 / $4)) * $4
                / 60000000 >= $5
           THEN least($6, (60000000 - greatest(0, debt - greatest(0, clock.time - asked_at) - $7 * 60000000 / $4))
                * $4 / 60000000)
           ELSE 0 END / $4
  FROM (SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS time) AS clock
 WHERE tenant = $1 AND key_id = $2 AND metered = $3
RETURNING granted, debt
