-- A bucket that nobody has taken from is full.
INSERT INTO rate_leases (tenant, key_id, metered, asked_at, debt, granted)
SELECT t.tenant, $2, $3, 0, 0, 0
  FROM tenants t
 WHERE t.tenant = $1
ON CONFLICT (tenant, key_id, metered) DO NOTHING
