//! Rows as groups. The statements that read groups all start with the same columns in the same order.

use directory::model::{Language, Line, Notes, Options};
use directory::{
    Description, Details, Filter, Group, GroupId, Name, PhotoUrl, Place, ReferenceKey, Search, Stamp,
    TenantId, Timestamp, Words,
};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::checksum::{Checksum, mismatch};
use super::errors::damaged;
use crate::StoreError;
use crate::references::{RowReference, SharedTexts};

const ID: usize = 0;
const PARENT: usize = 1;
const SOURCE: usize = 2;
const KEY: usize = 3;
const NAME: usize = 4;
const DESCRIPTION: usize = 5;
const PHOTO_URL: usize = 6;
const CREATED_AT: usize = 7;
const UPDATED_AT: usize = 8;
const ARCHIVED_AT: usize = 9;
const REVISION: usize = 10;
const LANGUAGE: usize = 11;
const COMPANY: usize = 12;
const DEPARTMENT: usize = 13;
const OFFICE: usize = 14;
const NOTES: usize = 15;
const OPTIONS: usize = 16;
/// Behind all columns of a group.
const CHECKSUM: usize = 17;

/// Reads groups of one tenant.
pub(super) struct Rows {
    tenant: TenantId,
    checksum: Checksum,
    pub(super) texts: SharedTexts,
}

pub(super) fn id(row: &Row<'_>) -> Result<GroupId, StoreError> {
    group_id(row.get(ID)?)
}

pub(super) fn group_id(number: i64) -> Result<GroupId, StoreError> {
    GroupId::new(number).ok_or_else(|| damaged("group id"))
}

pub(super) fn reference<'r>(row: &'r Row<'_>) -> Result<Option<RowReference<'r>>, StoreError> {
    match (text(row, SOURCE)?, text(row, KEY)?) {
        (Some(source), Some(key)) => Ok(Some(RowReference { source, key })),
        (None, None) => Ok(None),
        _ => Err(damaged("reference")),
    }
}

pub(super) fn parent(row: &Row<'_>) -> Result<Option<GroupId>, StoreError> {
    row.get::<_, Option<i64>>(PARENT)?.map(group_id).transpose()
}

pub(super) fn is_archived(row: &Row<'_>) -> Result<bool, StoreError> {
    Ok(row.get_ref(ARCHIVED_AT)? != ValueRef::Null)
}

/// Whether a filter lets the group of a row through; where it lies is for the statement to say.
pub(super) fn passes(row: &Row<'_>, filter: &Filter) -> Result<bool, StoreError> {
    if !filter.life.admits(is_archived(row)?) {
        return Ok(false);
    }
    if let Some(source) = &filter.source
        && text(row, SOURCE)? != Some(source.as_str())
    {
        return Ok(false);
    }
    let updated_at: i64 = row.get(UPDATED_AT)?;
    Ok(filter.updated_after.is_none_or(|after| updated_at > after.0))
}

/// Whether a text finds the group of a row by its name; no text finds every group.
pub(super) fn is_named(
    row: &Row<'_>,
    search: Option<&Search>,
    words: &mut Words,
) -> Result<bool, StoreError> {
    let Some(search) = search else { return Ok(true) };
    words.clear();
    words.add_name(text(row, NAME)?.unwrap_or_default());
    Ok(search.finds(words))
}

/// Whether the group of a row lies in this place.
pub(super) fn lies_in(row: &Row<'_>, place: Place) -> Result<bool, StoreError> {
    let parent = parent(row)?;
    Ok(match place {
        Place::Anywhere => true,
        Place::Roots => parent.is_none(),
        Place::Below(wanted) => parent == Some(wanted),
    })
}

/// When the group of a row has changed.
pub(super) fn stamp(row: &Row<'_>) -> Result<Stamp, StoreError> {
    Ok(Stamp { revision: row.get(REVISION)?, group: row.get(ID)? })
}

/// At what time that was.
pub(super) fn updated_at(row: &Row<'_>) -> Result<i64, StoreError> {
    Ok(row.get(UPDATED_AT)?)
}

/// Takes the words of a row, those of its inline reference only.
pub(super) fn words(row: &Row<'_>, into: &mut Words) -> Result<(), StoreError> {
    into.clear();
    into.add_name(text(row, NAME)?.ok_or_else(|| damaged("name"))?);
    if let Some(key) = text(row, KEY)? {
        into.add_key(key);
    }
    Ok(())
}

impl Rows {
    pub(super) fn of(tenant: TenantId) -> Self {
        Self { tenant, checksum: Checksum::default(), texts: SharedTexts::default() }
    }

    pub(super) const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Whether the row is what was written.
    pub(super) fn check(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        self.check_columns(&columns(row)?)
    }

    fn check_columns(&mut self, columns: &Columns<'_>) -> Result<(), StoreError> {
        self.checksum.integer(self.tenant.0);
        for value in &columns[..CHECKSUM] {
            self.checksum.value(*value);
        }
        if self.checksum.is(columns[CHECKSUM]) { Ok(()) } else { Err(mismatch("group", columns[ID])) }
    }

    /// The group of a row, with its inline reference only. `asked` is a key that the row may carry.
    pub(super) fn group(&mut self, row: &Row<'_>, asked: Option<&ReferenceKey>) -> Result<Group, StoreError> {
        // Each column is fetched once, for its checksum and for the group.
        let columns = columns(row)?;
        self.check_columns(&columns)?;
        let text = |column: usize| text_of(columns[column]);
        let number = |column: usize| columns[column].as_i64_or_null().map_err(|_| damaged("number"));
        let required = |column: usize| number(column)?.ok_or_else(|| damaged("number"));
        let reference = match (text(SOURCE)?, text(KEY)?) {
            (Some(source), Some(key)) => Some(self.texts.reference(&RowReference { source, key }, asked)),
            (None, None) => None,
            _ => return Err(damaged("reference")),
        };
        Ok(Group {
            id: group_id(required(ID)?)?,
            references: reference.into_iter().collect(),
            name: Name::from_stored(text(NAME)?.ok_or_else(|| damaged("name"))?),
            description: text(DESCRIPTION)?.map(Description::from_stored),
            parent: number(PARENT)?.map(group_id).transpose()?,
            photo_url: text(PHOTO_URL)?.map(PhotoUrl::from_stored),
            details: details(&columns)?,
            archived_at: number(ARCHIVED_AT)?.map(Timestamp),
            created_at: Timestamp(required(CREATED_AT)?),
            updated_at: Timestamp(required(UPDATED_AT)?),
            revision: required(REVISION)?,
        })
    }
}

/// What contract 2 knows of a group. Nearly every row has none: its choices tell.
fn details(columns: &Columns<'_>) -> Result<Option<Box<Details>>, StoreError> {
    let text = |column: usize| text_of(columns[column]);
    let Some(options) = text(OPTIONS)? else { return Ok(None) };
    let options = Options::from_stored(options).ok_or_else(|| damaged("options"))?;
    let language = text(LANGUAGE)?.map(Language::parse).transpose();
    let line = |column| Ok::<_, StoreError>(text(column)?.map(Line::from_stored).unwrap_or_default());
    Ok(Some(Box::new(Details {
        language: language.map_err(|_| damaged("language"))?,
        company: line(COMPANY)?,
        department: line(DEPARTMENT)?,
        office: line(OFFICE)?,
        notes: text(NOTES)?.map(Notes::from_stored).unwrap_or_default(),
        options,
    })))
}

/// A text as it lies in the page cache; valid until the row is left.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, StoreError> {
    text_of(row.get_ref(column)?)
}

fn text_of(value: ValueRef<'_>) -> Result<Option<&str>, StoreError> {
    value.as_str_or_null().map_err(|_| damaged("text"))
}

/// The columns of a group, and its checksum.
type Columns<'r> = [ValueRef<'r>; CHECKSUM + 1];

fn columns<'r>(row: &'r Row<'_>) -> Result<Columns<'r>, StoreError> {
    let mut columns = [ValueRef::Null; CHECKSUM + 1];
    columns[OPTIONS] = row.get_ref(OPTIONS)?;
    columns[CHECKSUM] = row.get_ref(CHECKSUM)?;
    // Nearly every row has no details: nulls at its end, which its checksum leaves out.
    let end = if columns[OPTIONS] == ValueRef::Null { LANGUAGE } else { OPTIONS };
    for (number, column) in columns[..end].iter_mut().enumerate() {
        *column = row.get_ref(number)?;
    }
    Ok(columns)
}
