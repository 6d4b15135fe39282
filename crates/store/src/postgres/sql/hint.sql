-- A hint need not be durable: its commit waits neither for the disk nor for a standby.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('rosterd_changes', said) FROM unnest($1) AS said
