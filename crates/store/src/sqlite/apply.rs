//! Writes, as they stand.

use std::collections::HashSet;
use std::sync::LazyLock;

use directory::write::Content;
use directory::{
    Details, ExternalReference, GroupId, IdOrigin, Reach, TenantId, Timestamp, ValueWrite, Write,
};
use rusqlite::{CachedStatement, Connection, ToSql};

use super::checksum::Checksum;
use super::connection::list;
use super::errors::is_taken;
use super::recent::Recent;
use super::subtree;
use super::tenants::Counters;
use super::{addresses, attributes};
use crate::details::stored_details;
use crate::fold::fold;
use crate::looked::Numbers;
use crate::sabotage::{Defect, is_on};
use crate::{Looked, StoreError};

/// A reference with the number under which it is found.
type Folded<'w> = (i64, &'w ExternalReference);

pub(super) fn apply(
    db: &Connection,
    tenant: TenantId,
    writes: &[Write],
    at: Timestamp,
    looked: Option<&Looked>,
    recent: Option<&mut Recent>,
) -> Result<i64, StoreError> {
    let numbers = Numbers::of_all(writes, looked);
    let mut turn = Turn {
        db,
        tenant,
        at,
        numbers: &numbers,
        counters: Counters::next(db, tenant)?,
        claimed: Vec::with_capacity(writes.len()),
        given_up: Vec::new(),
        checksum: Checksum::default(),
    };
    turn.create(writes)?;
    turn.update(writes)?;
    turn.addresses(writes)?;
    turn.archive(writes)?;
    turn.restore(writes)?;
    if looked.is_some_and(|looked| looked.claims_are_free) {
        debug_assert!(turn.check_claims().is_ok(), "what was looked at still holds");
    } else {
        turn.check_claims()?;
    }
    turn.counters.store(db, tenant)?;
    if let Some(recent) = recent {
        let claimed = turn.claimed.iter().map(|(fold, _)| *fold);
        recent.note(tenant, turn.counters.revision, writes, claimed.chain(turn.given_up));
    }
    Ok(turn.counters.revision)
}

/// The application of one list of writes.
struct Turn<'t> {
    db: &'t Connection,
    tenant: TenantId,
    at: Timestamp,
    /// Those of each write.
    numbers: &'t [Numbers],
    counters: Counters,
    /// References that no other group may have. Checked when all is written, because the writes of one
    /// plan may pass a reference from one group to another in any order.
    claimed: Vec<Folded<'t>>,
    /// Numbers of references that groups no longer have.
    given_up: Vec<i64>,
    checksum: Checksum,
}

/// A [`Write::Create`].
struct Create<'w> {
    fold: Option<i64>,
    content_hash: Option<i64>,
    id: GroupId,
    references: &'w [ExternalReference],
    content: &'w Content,
    values: &'w [ValueWrite],
}

/// Groups that one run of a statement inserts: `SQLite` sets up its seven trees once for all of them. With 16 a row
/// takes two thirds of the instructions that it takes alone, with more no fewer.
const ROWS: usize = 16;

/// The statements that insert one group, two, and so on.
static INSERTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (head, row) =
        (include_str!("sql/insert.sql").trim_end(), "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    (1..=ROWS).map(|rows| format!("{head}\n{}", vec![row; rows].join(", "))).collect()
});

/// The parameters of a statement, one after another.
struct Row<'r, 's> {
    insert: &'r mut CachedStatement<'s>,
    bound: usize,
}

impl Row<'_, '_> {
    fn bind(&mut self, value: impl ToSql) -> Result<(), StoreError> {
        self.bound += 1;
        Ok(self.insert.raw_bind_parameter(self.bound, value)?)
    }
}

impl<'t> Turn<'t> {
    fn create(&mut self, writes: &'t [Write]) -> Result<(), StoreError> {
        let mut creates = Vec::with_capacity(writes.len());
        for (write, numbers) in writes.iter().zip(self.numbers) {
            if let Write::Create { id, id_origin, references, content, values, .. } = write {
                match id_origin {
                    IdOrigin::Assigned => self.counters.assigned(*id),
                    IdOrigin::Given => {}
                }
                let content_hash = numbers.content_hash(references.first(), content);
                let fold = numbers.fold;
                creates.push(Create { fold, content_hash, id: *id, references, content, values });
            }
        }
        // All trees but that of keys grow at their ends then. (In the order of keys a row takes half as long again.)
        creates.sort_unstable_by_key(|create| create.id);
        for rows in creates.chunks(if is_on(Defect::CommitPerRecord) { 1 } else { ROWS }) {
            if is_on(Defect::CommitPerRecord) {
                self.db.execute_batch("COMMIT; BEGIN IMMEDIATE; SAVEPOINT job")?;
            }
            self.insert(rows)?;
        }
        for create in creates {
            if let Some(details) = &create.content.details {
                self.add_details(create.id, details)?;
            }
            attributes::write(self.db, self.tenant, create.id, create.values)?;
            if let Some((fold, first)) = create.fold.zip(create.references.first()) {
                self.claimed.push((fold, first));
            }
            for (position, reference) in create.references.iter().enumerate().skip(1) {
                self.add_extra(create.id, position, reference)?;
            }
        }
        Ok(())
    }

    /// Inserts up to [`ROWS`] groups.
    fn insert(&mut self, creates: &[Create<'_>]) -> Result<(), StoreError> {
        let mut insert = self.db.prepare_cached(&INSERTS[creates.len() - 1])?;
        let mut row = Row { insert: &mut insert, bound: 0 };
        for create in creates {
            self.bind(&mut row, create)?;
        }
        match insert.raw_execute() {
            Err(error) if is_taken(&error) => {
                let ids = creates.iter().map(|create| create.id.get());
                let (first, last) = (ids.clone().min(), ids.max());
                Err(StoreError::Conflict(format!(
                    "one of the groups {first:?} to {last:?} is stored already"
                )))
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// Binds the columns of one row, in the order of the statement.
    fn bind(&mut self, row: &mut Row<'_, '_>, create: &Create<'_>) -> Result<(), StoreError> {
        let (first, content) = (create.references.first(), create.content);
        let checksum = self.checksum(create);
        row.bind(self.tenant.0)?;
        row.bind(create.id.get())?;
        row.bind(content.parent.map(GroupId::get))?;
        row.bind(first.map(|reference| reference.source.as_str()))?;
        row.bind(first.map(|reference| reference.key.as_str()))?;
        row.bind(create.fold)?;
        row.bind(content.name.as_str())?;
        row.bind(content.description.as_ref().map(directory::Description::as_str))?;
        row.bind(content.photo_url.as_ref().map(directory::PhotoUrl::as_str))?;
        row.bind(self.at.0)?;
        row.bind(self.at.0)?;
        row.bind(self.counters.revision)?;
        row.bind(create.content_hash)?;
        row.bind(checksum)
    }

    /// That of the row which is inserted.
    fn checksum(&mut self, create: &Create<'_>) -> i32 {
        let (first, content) = (create.references.first(), create.content);
        self.checksum
            .integer(self.tenant.0)
            .integer(create.id.get())
            .optional_integer(content.parent.map(GroupId::get))
            .optional_text(first.map(|reference| reference.source.as_str()))
            .optional_text(first.map(|reference| reference.key.as_str()))
            .text(content.name.as_str())
            .optional_text(content.description.as_ref().map(directory::Description::as_str))
            .optional_text(content.photo_url.as_ref().map(directory::PhotoUrl::as_str))
            .integer(self.at.0)
            .integer(self.at.0)
            .nulls(1)
            .integer(self.counters.revision)
            .nulls(6)
            .finish()
    }

    fn add_extra(
        &mut self,
        id: GroupId,
        position: usize,
        reference: &'t ExternalReference,
    ) -> Result<(), StoreError> {
        let mut insert = self.db.prepare_cached(include_str!("sql/add_further_reference.sql"))?;
        let (source, key) = (reference.source.as_str(), reference.key.as_str());
        let fold = fold(&reference.key);
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        insert.execute((self.tenant.0, id.get(), position, source, key, fold))?;
        self.counters.extra_refs += 1;
        self.claimed.push((fold, reference));
        Ok(())
    }

    fn update(&mut self, writes: &'t [Write]) -> Result<(), StoreError> {
        for (write, numbers) in writes.iter().zip(self.numbers) {
            if let Write::Update { id, first, content, reference, added, values, .. } = write {
                self.replace_content(*id, content, numbers.content_hash(first.as_ref(), content))?;
                attributes::write(self.db, self.tenant, *id, values)?;
                if let Some((from, to)) = reference {
                    self.replace_reference(*id, from, to)?;
                }
                for reference in added {
                    self.add_reference(*id, reference)?;
                }
            }
        }
        Ok(())
    }

    fn addresses(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        for write in writes {
            if let Write::Create { id, addresses, .. } | Write::Update { id, addresses, .. } = write {
                addresses::apply(self.db, self.tenant, *id, addresses, &mut self.counters)?;
            }
        }
        Ok(())
    }

    fn replace_content(
        &self,
        id: GroupId,
        content: &Content,
        content_hash: Option<i64>,
    ) -> Result<(), StoreError> {
        let [language, company, department, office, notes, options] =
            stored_details(content.details.as_deref());
        // Most updates leave the parent alone: try the cheap statement first.
        for statement in [include_str!("sql/update_in_place.sql"), include_str!("sql/update.sql")] {
            let mut update = self.db.prepare_cached(statement)?;
            let updated = update.execute((
                self.tenant.0,
                id.get(),
                content.name.as_str(),
                content.description.as_ref().map(directory::Description::as_str),
                content.photo_url.as_ref().map(directory::PhotoUrl::as_str),
                self.at.0,
                self.counters.revision,
                content.parent.map(GroupId::get),
                &language,
                &company,
                &department,
                &office,
                &notes,
                &options,
                content_hash,
            ))?;
            if updated == 1 {
                return Ok(());
            }
        }
        Err(StoreError::Conflict(format!("group {id} is not stored")))
    }

    /// A group that is created has none at first: few have any.
    fn add_details(&self, id: GroupId, details: &Details) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached(include_str!("sql/set_details.sql"))?;
        let [language, company, department, office, notes, options] = stored_details(Some(details));
        update.execute((self.tenant.0, id.get(), language, company, department, office, notes, options))?;
        Ok(())
    }

    /// A reference more: the first one lies with the group, others beside it.
    fn add_reference(&mut self, id: GroupId, reference: &'t ExternalReference) -> Result<(), StoreError> {
        let fold = fold(&reference.key);
        let mut first = self.db.prepare_cached(include_str!("sql/add_first_reference.sql"))?;
        let (source, key) = (reference.source.as_str(), reference.key.as_str());
        if first.execute((self.tenant.0, id.get(), source, key, fold))? == 1 {
            self.claimed.push((fold, reference));
            return Ok(());
        }
        let mut last = self.db.prepare_cached(
            "SELECT coalesce(max(position), 0) FROM extra_refs WHERE tenant = ?1 AND id = ?2",
        )?;
        let position: usize = last.query_row((self.tenant.0, id.get()), |row| row.get::<_, u32>(0))? as usize;
        self.add_extra(id, position + 1, reference)
    }

    fn replace_reference(
        &mut self,
        id: GroupId,
        from: &ExternalReference,
        to: &'t ExternalReference,
    ) -> Result<(), StoreError> {
        let (given_up, fold) = (fold(&from.key), fold(&to.key));
        for statement in [
            include_str!("sql/replace_first_reference.sql"),
            include_str!("sql/replace_further_reference.sql"),
        ] {
            let mut update = self.db.prepare_cached(statement)?;
            let updated = update.execute((
                self.tenant.0,
                id.get(),
                from.source.as_str(),
                from.key.as_str(),
                to.source.as_str(),
                to.key.as_str(),
                fold,
            ))?;
            if updated == 1 {
                self.claimed.push((fold, to));
                self.given_up.push(given_up);
                return Ok(());
            }
        }
        Err(StoreError::Conflict(format!("group {id} does not have the reference {}", from.key)))
    }

    fn archive(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached(include_str!("sql/archive.sql"))?;
        let mut archive = |id: i64| update.execute((self.tenant.0, id, self.at.0, self.counters.revision));
        let mut tops = HashSet::new();
        for write in writes {
            if let Write::Archive { id, reach } = write {
                if archive(id.get())? != 1 {
                    return Err(StoreError::Conflict(format!("group {id} is not a living group")));
                }
                if *reach == Reach::Subtree {
                    tops.insert(id.get());
                }
            }
        }
        for top in &tops {
            for id in subtree::living(self.db, self.tenant, *top, &tops)? {
                if archive(id)? != 1 {
                    return Err(StoreError::Corrupt(format!("group {id} does not have its checksum")));
                }
            }
        }
        Ok(())
    }

    fn restore(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached(include_str!("sql/restore.sql"))?;
        for write in writes {
            if let Write::Restore { id } = write
                && update.execute((self.tenant.0, id.get(), self.at.0, self.counters.revision))? != 1
            {
                return Err(StoreError::Conflict(format!("group {id} is not an archived group")));
            }
        }
        Ok(())
    }

    /// The index by number is not unique, so this is what keeps a pair from belonging to two groups, where the plan's
    /// look does not tell.
    fn check_claims(&self) -> Result<(), StoreError> {
        let shared = self.shared_folds()?;
        let mut exact = self.db.prepare_cached(include_str!("sql/references_count.sql"))?;
        for (fold, claimed) in &self.claimed {
            // Nearly always the group itself is all there is: the index alone tells.
            if self.counters.extra_refs == 0 && !shared.contains(fold) {
                continue;
            }
            let (source, key) = (claimed.source.as_str(), claimed.key.as_str());
            if count(&mut exact, (self.tenant.0, fold, source, key))? > 1 {
                return Err(StoreError::Conflict(format!("the reference {key} belongs to another group")));
            }
        }
        Ok(())
    }
}

impl Turn<'_> {
    /// Those of the claimed numbers under which several groups lie.
    fn shared_folds(&self) -> Result<HashSet<i64>, StoreError> {
        if self.claimed.is_empty() {
            return Ok(HashSet::new());
        }
        // In the order of the index, so that neighbours find its pages in the cache.
        let mut claimed: Vec<i64> = self.claimed.iter().map(|(fold, _)| *fold).collect();
        claimed.sort_unstable();
        let claimed = list(claimed.into_iter());
        let mut select = self.db.prepare_cached(include_str!("sql/folds_shared.sql"))?;
        let shared = select.query_map((self.tenant.0, claimed), |row| row.get(0))?;
        Ok(shared.collect::<Result<_, _>>()?)
    }
}

fn count(select: &mut CachedStatement<'_>, parameters: impl rusqlite::Params) -> Result<i64, StoreError> {
    Ok(select.query_row(parameters, |row| row.get(0))?)
}
