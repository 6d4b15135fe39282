DELETE FROM attribute_values INDEXED BY attribute_values_attribute
WHERE tenant = ?1 AND attribute_id = ?2
