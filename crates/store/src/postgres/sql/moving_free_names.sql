DELETE FROM attributes AS a
USING unnest($2::text[], $3::text[]) AS u (class, name)
WHERE a.tenant = $1 AND a.class = u.class AND a.name = u.name
