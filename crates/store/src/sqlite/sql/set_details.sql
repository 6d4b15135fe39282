UPDATE groups
SET language = ?3, company = ?4, department = ?5, office = ?6, notes = ?7, options = ?8
WHERE tenant = ?1 AND id = ?2
