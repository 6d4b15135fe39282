//! Rows as groups. The statements that read groups all start with the same columns in the same order.

use directory::model::{Language, Line, Notes, Options};
use directory::{
    Description, Details, Filter, Group, GroupId, GroupView, Name, PhotoUrl, Place, ReferenceKey, Stamp,
    Timestamp, Words,
};
use tokio_postgres::Row;

use super::failure::damaged;
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
/// What statements may show behind the group.
pub(super) const BEHIND: usize = 17;

/// Reads groups.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) texts: SharedTexts,
}

pub(super) fn id(row: &Row) -> Result<GroupId, StoreError> {
    group_id(row.try_get(ID)?)
}

pub(super) fn group_id(number: i64) -> Result<GroupId, StoreError> {
    GroupId::new(number).ok_or_else(|| damaged("group id"))
}

pub(super) fn reference(row: &Row) -> Result<Option<RowReference<'_>>, StoreError> {
    match (text(row, SOURCE)?, text(row, KEY)?) {
        (Some(source), Some(key)) => Ok(Some(RowReference { source, key })),
        (None, None) => Ok(None),
        _ => Err(damaged("reference")),
    }
}

/// Whether a filter lets the group of a row through; where it lies is for the statement to say.
pub(super) fn passes(row: &Row, filter: &Filter) -> Result<bool, StoreError> {
    let archived_at: Option<i64> = row.try_get(ARCHIVED_AT)?;
    if !filter.life.admits(archived_at.is_some()) {
        return Ok(false);
    }
    if let Some(source) = &filter.source
        && text(row, SOURCE)? != Some(source.as_str())
    {
        return Ok(false);
    }
    let updated_at: i64 = row.try_get(UPDATED_AT)?;
    Ok(filter.updated_after.is_none_or(|after| updated_at > after.0))
}

/// Whether the group of a row lies in this place.
pub(super) fn lies_in(row: &Row, place: Place) -> Result<bool, StoreError> {
    let parent: Option<i64> = row.try_get(PARENT)?;
    Ok(match place {
        Place::Anywhere => true,
        Place::Roots => parent.is_none(),
        Place::Below(wanted) => parent == Some(wanted.get()),
    })
}

/// When the group of a row has changed.
pub(super) fn stamp(row: &Row) -> Result<Stamp, StoreError> {
    Ok(Stamp { revision: row.try_get(REVISION)?, group: row.try_get(ID)? })
}

/// Takes the words of a row, those of its inline reference only.
pub(super) fn words(row: &Row, into: &mut Words) -> Result<(), StoreError> {
    into.clear();
    into.add_name(text(row, NAME)?.ok_or_else(|| damaged("name"))?);
    if let Some(key) = text(row, KEY)? {
        into.add_key(key);
    }
    Ok(())
}

impl Rows {
    /// The group of a row, with its inline reference only. `asked` is a key that the row may carry.
    pub(super) fn group(&mut self, row: &Row, asked: Option<&ReferenceKey>) -> Result<Group, StoreError> {
        let reference = reference(row)?.map(|found| self.texts.reference(&found, asked));
        Ok(Group {
            id: id(row)?,
            references: reference.into_iter().collect(),
            name: Name::from_stored(text(row, NAME)?.ok_or_else(|| damaged("name"))?),
            description: text(row, DESCRIPTION)?.map(Description::from_stored),
            parent: row.try_get::<_, Option<i64>>(PARENT)?.map(group_id).transpose()?,
            photo_url: text(row, PHOTO_URL)?.map(PhotoUrl::from_stored),
            details: details(row)?,
            archived_at: row.try_get::<_, Option<i64>>(ARCHIVED_AT)?.map(Timestamp),
            created_at: Timestamp(row.try_get(CREATED_AT)?),
            updated_at: Timestamp(row.try_get(UPDATED_AT)?),
            revision: row.try_get(REVISION)?,
        })
    }

    /// The group of a row that carries its parent's key behind it.
    pub(super) fn view(&mut self, row: &Row) -> Result<GroupView, StoreError> {
        let parent_key = text(row, BEHIND)?.map(ReferenceKey::from_stored);
        Ok(GroupView { group: self.group(row, None)?, parent_key })
    }
}

/// What contract 2 knows of a group. Nearly every row has none: its choices tell.
fn details(row: &Row) -> Result<Option<Box<Details>>, StoreError> {
    let Some(options) = text(row, OPTIONS)? else { return Ok(None) };
    let options = Options::from_stored(options).ok_or_else(|| damaged("options"))?;
    let language = text(row, LANGUAGE)?.map(Language::parse).transpose();
    let line = |column| Ok::<_, StoreError>(text(row, column)?.map(Line::from_stored).unwrap_or_default());
    Ok(Some(Box::new(Details {
        language: language.map_err(|_| damaged("language"))?,
        company: line(COMPANY)?,
        department: line(DEPARTMENT)?,
        office: line(OFFICE)?,
        notes: text(row, NOTES)?.map(Notes::from_stored).unwrap_or_default(),
        options,
    })))
}

/// A text of a row.
pub(super) fn text(row: &Row, column: usize) -> Result<Option<&str>, StoreError> {
    Ok(row.try_get(column)?)
}
