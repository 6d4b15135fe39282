//! Addresses of groups.

use foldhash::{HashMap, HashMapExt as _};

use directory::model::{Choice, Country, Gender, Line, Lines, Notes};
use directory::{
    Address, AddressCode, AddressContent, AddressId, AddressLine, AddressType, AddressWrite, GroupId,
    TenantId,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::damaged;
use super::link::{Expect, Link, Owned};
use super::rows::{group_id, text};
use super::tenants::Counters;
use crate::StoreError;

/// The column of the first line; those of the others follow in their order.
const FIRST_LINE: usize = 8;
/// The column behind them, where there is one.
const GROUP: usize = FIRST_LINE + AddressLine::ALL.len();

const IS_THERE: &str = "a group has an address of this id already";
const IS_MISSING: &str = "a group has no address of this id";

/// The addresses of a group in the order of their ids, all of them or those of one type.
pub(super) fn list(
    link: &mut Link,
    tenant: TenantId,
    of: GroupId,
    kind: Option<AddressType>,
) -> Result<Vec<Address>, StoreError> {
    let (of, kind) = (of.get(), kind.map(AddressType::as_str));
    let found = link.rows(
        include_str!("sql/addresses.sql"),
        &[(&tenant.0, Type::INT8), (&of, Type::INT8), (&kind, Type::TEXT)],
    )?;
    found.iter().map(address).collect()
}

/// The same of several groups; one without addresses is absent.
pub(super) fn of_groups(
    link: &mut Link,
    tenant: TenantId,
    ids: &[GroupId],
) -> Result<HashMap<GroupId, Vec<Address>>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let found = link.rows(
        include_str!("sql/addresses_of_groups.sql"),
        &[(&tenant.0, Type::INT8), (&ids, Type::INT8_ARRAY)],
    )?;
    let mut addresses: HashMap<GroupId, Vec<Address>> = HashMap::new();
    for row in &found {
        addresses.entry(group_id(row.try_get(GROUP)?)?).or_default().push(address(row)?);
    }
    Ok(addresses)
}

/// Applies what a plan says of addresses, with the next round trip. Each is named once, so kinds of writes may be
/// put together.
pub(super) fn apply(
    link: &mut Link,
    tenant: TenantId,
    writes: &[(GroupId, &AddressWrite)],
    counters: &mut Counters,
) {
    let (mut added, mut replaced) = (Columns::default(), Columns::default());
    let (mut groups, mut ids) = (Vec::new(), Vec::new());
    for (of, write) in writes {
        match write {
            AddressWrite::Add(address) => {
                counters.assigned_address(address.id);
                added.push(*of, address);
            }
            AddressWrite::Replace(address) => replaced.push(*of, address),
            AddressWrite::Remove(id) => {
                groups.push(of.get());
                ids.push(id.get());
            }
        }
    }
    added.later(link, tenant, include_str!("sql/addresses_insert.sql"), IS_THERE);
    replaced.later(link, tenant, include_str!("sql/addresses_update.sql"), IS_MISSING);
    if !ids.is_empty() {
        let expected = Expect::Rows(ids.len() as u64, IS_MISSING);
        let values: Vec<Owned> = vec![
            (Box::new(tenant.0), Type::INT8),
            (Box::new(groups), Type::INT8_ARRAY),
            (Box::new(ids), Type::INT8_ARRAY),
        ];
        link.later(include_str!("sql/addresses_delete.sql"), values, expected);
    }
}

/// Addresses in the order of the statements that write.
#[derive(Default)]
struct Columns {
    groups: Vec<i64>,
    ids: Vec<i64>,
    /// Code, type, country and gender.
    before: [Vec<Option<String>>; 4],
    /// Icp, and whether it is the default.
    choices: [Vec<bool>; 2],
    /// Notes.
    notes: Vec<Option<String>>,
    lines: Lines<Vec<Option<String>>>,
}

impl Columns {
    fn push(&mut self, of: GroupId, address: &Address) {
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let AddressContent { code, kind, country, gender, icp, is_default, lines, notes } = &address.content;
        self.groups.push(of.get());
        self.ids.push(address.id.get());
        let before = [
            optional(code.as_ref().map_or("", AddressCode::as_str)),
            Some(kind.as_str().to_owned()),
            Some(country.to_string()),
            Some(gender.letter().to_string()),
        ];
        for (column, text) in self.before.iter_mut().zip(before) {
            column.push(text);
        }
        for (column, choice) in self.choices.iter_mut().zip([*icp, *is_default]) {
            column.push(choice);
        }
        self.notes.push(optional(notes.as_str()));
        for line in AddressLine::ALL {
            self.lines.get_mut(line).push(optional(lines.get(line).as_str()));
        }
    }

    fn later(mut self, link: &mut Link, tenant: TenantId, sql: &'static str, race: &'static str) {
        if self.ids.is_empty() {
            return;
        }
        let expected = Expect::Rows(self.ids.len() as u64, race);
        let texts = |column: Vec<Option<String>>| -> Owned { (Box::new(column), Type::TEXT_ARRAY) };
        let mut values: Vec<Owned> = vec![
            (Box::new(tenant.0), Type::INT8),
            (Box::new(self.groups), Type::INT8_ARRAY),
            (Box::new(self.ids), Type::INT8_ARRAY),
        ];
        values.extend(self.before.map(texts));
        values.extend(self.choices.map(|column| -> Owned { (Box::new(column), Type::BOOL_ARRAY) }));
        values.push(texts(self.notes));
        values.extend(AddressLine::ALL.map(|line| texts(std::mem::take(self.lines.get_mut(line)))));
        link.later(sql, values, expected);
    }
}

fn address(row: &Row) -> Result<Address, StoreError> {
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
        icp: row.try_get(5)?,
        is_default: row.try_get(6)?,
        lines,
        notes: text(row, 7)?.map(Notes::from_stored).unwrap_or_default(),
    };
    Ok(Address { id: AddressId::new(row.try_get(0)?).ok_or_else(|| damaged("address id"))?, content })
}
