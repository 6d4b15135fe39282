SELECT (SELECT count(*) FROM groups WHERE tenant = ?1 AND fold = ?2 AND source = ?3 AND key = ?4)
     + (SELECT count(*) FROM extra_refs WHERE tenant = ?1 AND fold = ?2 AND source = ?3 AND key = ?4)
