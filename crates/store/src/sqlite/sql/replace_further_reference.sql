UPDATE extra_refs
SET source = ?5, key = ?6, fold = ?7, checksum = row_checksum(tenant, ?5, ?6, id, position)
WHERE tenant = ?1 AND id = ?2 AND source = ?3 AND key = ?4
