//! Writes, as they stand: a handful of statements, each for all groups that it concerns.

use std::collections::{HashMap, HashSet};

use directory::write::Content;
use directory::{
    Description, Details, ExternalReference, GroupId, IdOrigin, PhotoUrl, Reach, TenantId, Timestamp,
    ValueWrite, Write,
};
use tokio_postgres::types::Type;

use super::columns::{self, Columns};
use super::failure::Failure;
use super::link::{Link, Parameter};
use super::load::below;
use super::tenants::{self, Counters};
use super::{addresses, attributes};
use crate::details::stored_details;
use crate::fold::fold;
use crate::looked::Numbers;
use crate::{Looked, StoreError};

/// Groups that are archived by one statement, so that each is done in a fraction of its deadline.
const ARCHIVED_AT_ONCE: usize = 10_000;
/// From so many on, groups are copied: less work for the server, but more round trips.
const COPIED: usize = 100;

pub(super) fn apply(
    link: &mut Link,
    tenant: TenantId,
    counters: Counters,
    writes: &[Write],
    at: Timestamp,
    looked: Option<&Looked>,
) -> Result<Counters, StoreError> {
    let counters = Counters { revision: counters.revision + 1, ..counters };
    let numbers = Numbers::of_all(writes, looked);
    let (claimed, extra) = (Vec::new(), Vec::new());
    let mut turn = Turn { link, tenant, at, numbers: &numbers, counters, claimed, extra };
    // References are given up before others take them, and taken by stored groups before by new ones.
    turn.references(writes)?;
    turn.update(writes)?;
    turn.create(writes)?;
    turn.add_extra()?;
    turn.values(writes);
    turn.addresses(writes);
    turn.archive(writes)?;
    turn.restore(writes)?;
    turn.check_claims()?;
    let counters = turn.counters;
    tenants::store(link, tenant, counters);
    Ok(counters)
}

/// The application of one list of writes.
struct Turn<'t> {
    link: &'t mut Link,
    tenant: TenantId,
    at: Timestamp,
    /// Those of each write.
    numbers: &'t [Numbers],
    counters: Counters,
    /// References that no other group may have.
    claimed: Vec<&'t ExternalReference>,
    /// References that are to lie beside their groups, with their positions.
    extra: Vec<(GroupId, i32, &'t ExternalReference)>,
}

/// A [`Write::Create`].
struct Create<'w> {
    fold: Option<i64>,
    content_hash: Option<i64>,
    id: GroupId,
    first: Option<&'w ExternalReference>,
    content: &'w Content,
}

impl<'t> Turn<'t> {
    /// Inserts in the order of the numbers of references: their index is the one whose pages lie apart.
    fn create(&mut self, writes: &'t [Write]) -> Result<(), StoreError> {
        let mut creates = Vec::with_capacity(writes.len());
        for (write, numbers) in writes.iter().zip(self.numbers) {
            let Write::Create { id, id_origin, references, content, .. } = write else { continue };
            match id_origin {
                IdOrigin::Assigned => self.counters.assigned(*id),
                IdOrigin::Given => {}
            }
            let first = references.first();
            let (fold, content_hash) = (numbers.fold, numbers.content_hash(first, content));
            creates.push(Create { fold, content_hash, id: *id, first, content });
            self.claimed.extend(references);
            for (position, reference) in (0..).zip(references).skip(1) {
                self.extra.push((*id, position, reference));
            }
        }
        creates.sort_unstable_by_key(|create| create.fold);
        if creates.is_empty() {
            return Ok(());
        }
        let mut table = columns::groups(creates.len());
        for create in &creates {
            self.add_row(&mut table, create);
        }
        if creates.len() >= COPIED {
            return table.copy(self.link, include_str!("sql/groups_copy.sql"), self.tenant);
        }
        let made = table.run(self.link, include_str!("sql/groups_insert.sql"), self.tenant, &[])?;
        if made == creates.len() as u64 { Ok(()) } else { Err(self.race("a group is stored already")) }
    }

    fn add_row(&self, table: &mut Columns<'t>, create: &Create<'t>) {
        let Create { fold, content_hash, id, first, content } = create;
        let parent = content.parent.map(GroupId::get);
        let [language, company, department, office, notes, options] = details(content.details.as_deref());
        table.row(|row| {
            row.number(Some(id.get()));
            row.number(parent);
            row.text(first.map(|reference| reference.source.as_str().into()));
            row.text(first.map(|reference| reference.key.as_str().into()));
            row.number(*fold);
            row.text(Some(content.name.as_str().into()));
            row.text(content.description.as_ref().map(Description::as_str).map(Into::into));
            row.text(content.photo_url.as_ref().map(PhotoUrl::as_str).map(Into::into));
            row.number(Some(self.at.0));
            row.number(Some(self.at.0));
            row.number(Some(self.counters.revision));
            for text in [language, company, department, office, notes, options] {
                row.text(text);
            }
            row.number(*content_hash);
        });
    }

    fn update(&mut self, writes: &'t [Write]) -> Result<(), StoreError> {
        let updates = writes.iter().zip(self.numbers).filter_map(|(write, numbers)| match write {
            Write::Update { id, first, content, .. } => {
                Some((id, content, numbers.content_hash(first.as_ref(), content)))
            }
            _ => None,
        });
        let mut table = columns::updates();
        for (id, content, content_hash) in updates {
            let texts = details(content.details.as_deref());
            table.row(|row| {
                row.number(Some(id.get()));
                row.number(content.parent.map(GroupId::get));
                row.text(Some(content.name.as_str().into()));
                row.text(content.description.as_ref().map(Description::as_str).map(Into::into));
                row.text(content.photo_url.as_ref().map(PhotoUrl::as_str).map(Into::into));
                for text in texts {
                    row.text(text);
                }
                row.number(content_hash);
            });
        }
        self.change(&table, include_str!("sql/groups_update.sql"), "a group is not stored")
    }

    /// Changes every group of a table, each of which must be there.
    fn change(&mut self, table: &Columns<'_>, sql: &'static str, race: &str) -> Result<(), StoreError> {
        if table.is_empty() {
            return Ok(());
        }
        let stamps = [(&self.at.0 as _, Type::INT8), (&self.counters.revision as _, Type::INT8)];
        let changed = table.run(self.link, sql, self.tenant, &stamps)?;
        if changed == table.len() as u64 { Ok(()) } else { Err(self.race(race)) }
    }

    fn race(&mut self, text: &str) -> StoreError {
        self.link.fail(Failure::race(text))
    }

    /// References that stored groups give up, and those that they have from now on.
    fn references(&mut self, writes: &'t [Write]) -> Result<(), StoreError> {
        let mut replaced: Vec<(GroupId, &ExternalReference, &'t ExternalReference)> = Vec::new();
        let mut added: Vec<(GroupId, &'t [ExternalReference])> = Vec::new();
        for write in writes {
            let Write::Update { id, reference, added: more, .. } = write else { continue };
            replaced.extend(reference.iter().map(|(from, to)| (*id, from, to)));
            if !more.is_empty() {
                added.push((*id, more));
            }
        }
        let mut inline: Vec<(GroupId, &'t ExternalReference)> = Vec::new();
        if !replaced.is_empty() {
            self.replace(&replaced, &mut inline)?;
        }
        self.set_inline(&inline)?;
        if !added.is_empty() {
            self.add(&added)?;
        }
        Ok(())
    }

    /// Takes the old references away: where one lay with its group so will the new one.
    fn replace(
        &mut self,
        replaced: &[(GroupId, &ExternalReference, &'t ExternalReference)],
        inline: &mut Vec<(GroupId, &'t ExternalReference)>,
    ) -> Result<(), StoreError> {
        let mut table = columns::references();
        for (id, from, _) in replaced {
            table.row(|row| {
                row.number(Some(id.get()));
                row.text(Some(from.source.as_str().into()));
                row.text(Some(from.key.as_str().into()));
            });
        }
        let given_up = table.rows(self.link, include_str!("sql/reference_clear.sql"), self.tenant)?;
        let given_up = given_up.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<i64>, _>>()?;
        let beside = if given_up.len() < replaced.len() {
            table.rows(self.link, include_str!("sql/extra_delete.sql"), self.tenant)?
        } else {
            Vec::new()
        };
        let beside = beside.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let beside: HashMap<i64, i32> = beside.collect::<Result<_, StoreError>>()?;
        for (id, from, to) in replaced {
            if given_up.contains(&id.get()) {
                inline.push((*id, *to));
            } else if let Some(position) = beside.get(&id.get()) {
                self.counters.extra_refs -= 1;
                self.extra.push((*id, *position, *to));
            } else {
                return Err(self.race(&format!("group {id} does not have the reference {}", from.key)));
            }
            self.claimed.push(*to);
        }
        Ok(())
    }

    fn set_inline(&mut self, inline: &[(GroupId, &ExternalReference)]) -> Result<(), StoreError> {
        let mut table = columns::inline();
        for (id, reference) in inline {
            table.row(|row| {
                row.number(Some(id.get()));
                row.text(Some(reference.source.as_str().into()));
                row.text(Some(reference.key.as_str().into()));
                row.number(Some(fold(&reference.key)));
            });
        }
        if table.is_empty() {
            return Ok(());
        }
        let set = table.run(self.link, include_str!("sql/reference_set.sql"), self.tenant, &[])?;
        if set == table.len() as u64 { Ok(()) } else { Err(self.race("a group is not stored")) }
    }

    /// References more: the first one lies with the group, others beside it.
    fn add(&mut self, added: &[(GroupId, &'t [ExternalReference])]) -> Result<(), StoreError> {
        let ids: Vec<i64> = added.iter().map(|(id, _)| id.get()).collect();
        let values: [Parameter<'_>; 2] = [(&self.tenant.0, Type::INT8), (&ids, Type::INT8_ARRAY)];
        let found = self.link.rows(include_str!("sql/reference_room.sql"), &values)?;
        let found = found.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))));
        let mut found: HashMap<i64, (bool, i32)> = found.collect::<Result<_, StoreError>>()?;
        // What was replaced beside a group is not stored again yet.
        for (id, position, _) in &self.extra {
            if let Some((_, last)) = found.get_mut(&id.get()) {
                *last = (*last).max(*position);
            }
        }
        let mut inline = Vec::new();
        for (id, references) in added {
            let Some((is_bare, last)) = found.get(&id.get()).copied() else {
                return Err(self.race(&format!("group {id} is not stored")));
            };
            let (first, others) = references.split_at(usize::from(is_bare).min(references.len()));
            inline.extend(first.iter().map(|reference| (*id, reference)));
            self.extra.extend((last + 1..).zip(others).map(|(position, other)| (*id, position, other)));
            self.claimed.extend(*references);
        }
        self.set_inline(&inline)
    }

    fn add_extra(&mut self) -> Result<(), StoreError> {
        let extra = std::mem::take(&mut self.extra);
        let mut table = columns::extra();
        for (id, position, reference) in &extra {
            table.row(|row| {
                row.number(Some(id.get()));
                row.small(*position);
                row.text(Some(reference.source.as_str().into()));
                row.text(Some(reference.key.as_str().into()));
                row.number(Some(fold(&reference.key)));
            });
        }
        if table.is_empty() {
            return Ok(());
        }
        self.counters.extra_refs += i64::try_from(extra.len()).unwrap_or(i64::MAX);
        table.run(self.link, include_str!("sql/extra_insert.sql"), self.tenant, &[]).map(drop)
    }

    fn values(&mut self, writes: &[Write]) {
        let mut all: Vec<(GroupId, &ValueWrite)> = Vec::new();
        for write in writes {
            if let Write::Create { id, values, .. } | Write::Update { id, values, .. } = write {
                all.extend(values.iter().map(|value| (*id, value)));
            }
        }
        attributes::write(self.link, self.tenant, &all);
    }

    fn addresses(&mut self, writes: &[Write]) {
        let mut all = Vec::new();
        for write in writes {
            if let Write::Create { id, addresses, .. } | Write::Update { id, addresses, .. } = write {
                all.extend(addresses.iter().map(|address| (*id, address)));
            }
        }
        addresses::apply(self.link, self.tenant, &all, &mut self.counters);
    }

    fn archive(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let (mut ids, mut tops) = (Vec::new(), Vec::new());
        for write in writes {
            if let Write::Archive { id, reach } = write {
                ids.push(id.get());
                if *reach == Reach::Subtree {
                    tops.push(id.get());
                }
            }
        }
        self.bury(&ids)?;
        if tops.is_empty() {
            return Ok(());
        }
        let values: [Parameter<'_>; 2] = [(&self.tenant.0, Type::INT8), (&tops, Type::INT8_ARRAY)];
        let living = self.link.rows(include_str!("sql/living_below.sql"), &values)?;
        let mut ids = Vec::with_capacity(living.len());
        for row in &living {
            let id: i64 = row.try_get(0)?;
            below(super::rows::group_id(id)?, row.try_get(1)?)?;
            ids.push(id);
        }
        ids.chunks(ARCHIVED_AT_ONCE).try_for_each(|ids| self.bury(ids))
    }

    fn bury(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        self.stamp(ids, include_str!("sql/archive.sql"), "a group is not a living group")
    }

    fn restore(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let ids = writes.iter().filter_map(|write| match write {
            Write::Restore { id } => Some(id.get()),
            _ => None,
        });
        let ids: Vec<i64> = ids.collect();
        self.stamp(&ids, include_str!("sql/restore.sql"), "a group is not an archived group")
    }

    fn stamp(&mut self, ids: &[i64], sql: &'static str, race: &str) -> Result<(), StoreError> {
        let mut table = columns::ids();
        for id in ids {
            table.row(|row| row.number(Some(*id)));
        }
        self.change(&table, sql, race)
    }

    /// An index keeps references apart that lie with groups, and one those beside them; not the ones from the
    /// others.
    fn check_claims(&mut self) -> Result<(), StoreError> {
        if self.counters.extra_refs == 0 || self.claimed.is_empty() {
            return Ok(());
        }
        let mut table = columns::claims();
        for reference in &self.claimed {
            table.row(|row| {
                row.text(Some(reference.source.as_str().into()));
                row.text(Some(reference.key.as_str().into()));
                row.number(Some(fold(&reference.key)));
            });
        }
        let twice = table.rows(self.link, include_str!("sql/claimed_twice.sql"), self.tenant)?;
        match twice.first() {
            None => Ok(()),
            Some(row) => {
                let key: String = row.try_get(0)?;
                Err(self.race(&format!("the reference {key} belongs to another group")))
            }
        }
    }
}

/// The columns of a group's details.
pub(super) fn details(details: Option<&Details>) -> [columns::Text<'_>; 6] {
    stored_details(details).map(|text| text.map(Into::into))
}
