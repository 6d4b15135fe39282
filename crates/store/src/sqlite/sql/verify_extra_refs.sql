SELECT source, key, id, position, checksum, tenant, fold
FROM extra_refs NOT INDEXED
ORDER BY tenant ASC, id ASC, position ASC
