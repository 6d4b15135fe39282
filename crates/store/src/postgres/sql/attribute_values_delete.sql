DELETE FROM attribute_values AS v
USING unnest($2::bigint[], $3::bigint[], $4::text[]) AS u (group_id, attribute_id, language)
WHERE v.tenant = $1 AND v.group_id = ANY ($2) AND v.group_id = u.group_id AND v.attribute_id = u.attribute_id AND v.language = u.language
