//! Addresses of groups.

use directory::model::{Choice, Country, Gender, Line, Lines, Notes};
use directory::{
    Address, AddressCode, AddressContent, AddressId, AddressLine, AddressType, AddressWrite, GroupId,
    TenantId,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::checksum::Checksum;
use super::errors::{damaged, is_taken};
use super::rows::text;
use super::tenants::Counters;
use crate::StoreError;

/// The column of the first line; those of the others follow in their order.
const FIRST_LINE: usize = 8;
/// Behind all of them.
const CHECKSUM: usize = 22;

/// The addresses of a group in the order of their ids, all of them or those of one type.
pub(super) fn list(
    db: &Connection,
    tenant: TenantId,
    of: GroupId,
    kind: Option<AddressType>,
) -> Result<Vec<Address>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/addresses.sql"))?;
    let mut rows = select.query((tenant.0, of.get(), kind.map(AddressType::as_str)))?;
    let (mut addresses, mut checksum) = (Vec::new(), Checksum::default());
    while let Some(row) = rows.next()? {
        checksum.integer(tenant.0).integer(of.get()).check("address", row, CHECKSUM)?;
        addresses.push(address(row)?);
    }
    Ok(addresses)
}

/// Applies what a plan says of the addresses of one group.
pub(super) fn apply(
    db: &Connection,
    tenant: TenantId,
    of: GroupId,
    writes: &[AddressWrite],
    counters: &mut Counters,
) -> Result<(), StoreError> {
    for write in writes {
        let (id, done) = match write {
            AddressWrite::Add(address) => {
                counters.assigned_address(address.id);
                let mut insert = db.prepare_cached(include_str!("sql/address_insert.sql"))?;
                (address.id, insert.execute(params_from_iter(columns(tenant, of, address))))
            }
            AddressWrite::Replace(address) => {
                let mut update = db.prepare_cached(include_str!("sql/address_update.sql"))?;
                (address.id, update.execute(params_from_iter(columns(tenant, of, address))))
            }
            AddressWrite::Remove(id) => {
                let mut delete = db.prepare_cached(
                    "DELETE FROM addresses WHERE tenant = ?1 AND group_id = ?2 AND id = ?3",
                )?;
                (*id, delete.execute((tenant.0, of.get(), id.get())))
            }
        };
        match done {
            Ok(1) => {}
            Ok(_) => return Err(StoreError::Conflict(format!("group {of} has no address {id}"))),
            Err(error) if is_taken(&error) => {
                return Err(StoreError::Conflict(format!("group {of} has an address {id} already")));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// In the order of the statements that write.
pub(super) fn columns(tenant: TenantId, of: GroupId, address: &Address) -> Vec<Value> {
    let optional = |text: &str| match text {
        "" => Value::Null,
        text => Value::Text(text.to_owned()),
    };
    let AddressContent { code, kind, country, gender, icp, is_default, lines, notes } = &address.content;
    let mut columns = vec![
        Value::Integer(tenant.0),
        Value::Integer(of.get()),
        Value::Integer(address.id.get()),
        optional(code.as_ref().map_or("", AddressCode::as_str)),
        Value::Text(kind.as_str().to_owned()),
        Value::Text(country.to_string()),
        Value::Text(gender.letter().to_string()),
        Value::Integer((*icp).into()),
        Value::Integer((*is_default).into()),
        optional(notes.as_str()),
    ];
    columns.extend(AddressLine::ALL.map(|line| optional(lines.get(line).as_str())));
    columns
}

fn address(row: &Row<'_>) -> Result<Address, StoreError> {
    let required = |column, what| text(row, column)?.ok_or_else(|| damaged(what));
    let mut lines = Lines::<Line>::default();
    for (column, line) in (FIRST_LINE..).zip(AddressLine::ALL) {
        *lines.get_mut(line) = text(row, column)?.map(Line::from_stored).unwrap_or_default();
    }
    let gender: Result<Gender, _> = Choice::parse(required(4, "gender")?);
    let content = AddressContent {
        code: text(row, 1)?.map(AddressCode::from_stored),
        kind: AddressType::parse(required(2, "address type")?).map_err(|_| damaged("address type"))?,
        country: Country::parse(required(3, "country")?).map_err(|_| damaged("country"))?,
        gender: gender.map_err(|_| damaged("gender"))?,
        icp: row.get(5)?,
        is_default: row.get(6)?,
        lines,
        notes: text(row, 7)?.map(Notes::from_stored).unwrap_or_default(),
    };
    Ok(Address { id: AddressId::new(row.get(0)?).ok_or_else(|| damaged("address id"))?, content })
}

#[cfg(test)]
mod tests {
    use crate::sqlite::migrate::database;

    #[test]
    fn addresses_are_found_along_their_key() {
        let db = database();
        let sql = include_str!("sql/addresses.sql");
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
        let steps: Vec<String> = explain
            .query_map((1, 1, 1), |row| row.get("detail"))
            .expect("explained")
            .collect::<Result<_, _>>()
            .expect("texts");
        // One step: no sorter.
        assert_eq!(steps, ["SEARCH addresses USING PRIMARY KEY (tenant=? AND group_id=?)"]);
    }
}
