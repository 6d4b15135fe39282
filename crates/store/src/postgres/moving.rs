//! Everything of a tenant, handed out and taken in portion by portion.

use std::collections::{BTreeMap, HashMap};

use directory::{
    AddressId, AddressWrite, AttributeDefinition, Description, GroupId, Parts, PhotoUrl, RecordedRun, RunId,
    TenantId, Timestamp,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::columns::{self, Columns};
use super::failure::{Failure, damaged};
use super::link::{Expect, Link, Owned};
use super::read::bound;
use super::rows::{Rows, group_id};
use super::session::{Mark, Session};
use super::tenants::Counters;
use super::{access_keys, addresses, apply, attributes, read, runs, stored_answers};
use crate::content_hash;
use crate::fold::fold;
use crate::moving::{
    Export, Filling, Import, Item, ItemPlace, Kind, LAST_TEXT, MovedGroup, Portion, PortionSize, Span,
    TenantHead,
};
use crate::{StoreError, StoredAnswer, Tenant};

/// The row of a copy as a whole: no tenant has this number.
const WHOLE: i64 = 0;
/// How many rows are fetched at once; of those that may be long, fewer.
const FETCHED: usize = 512;
const FETCHED_LONG: usize = 32;

impl Export for Session {
    fn portion(
        &mut self,
        tenant: TenantId,
        after: Option<&ItemPlace>,
        most: PortionSize,
    ) -> Result<Option<Portion>, StoreError> {
        let link = &mut self.link;
        let Some(head) = head(link, tenant)? else { return Ok(None) };
        let mut filling = Filling::new(head, after.cloned(), most);
        for kind in Kind::ALL {
            if filling.is_over() {
                break;
            }
            match kind {
                Kind::Definition => take_definitions(link, tenant, &mut filling)?,
                Kind::AccessKey => take_access_keys(link, tenant, &mut filling)?,
                Kind::Group => take_groups(link, tenant, &mut filling)?,
                Kind::Run => take_runs(link, tenant, &mut filling)?,
                Kind::Answer => take_answers(link, tenant, &mut filling)?,
            }
        }
        Ok(Some(filling.done()))
    }

    fn copy_mark(&mut self, of: Option<TenantId>) -> Result<Option<String>, StoreError> {
        mark(&mut self.link, of)
    }

    fn has_checksums(&mut self) -> Result<Option<bool>, StoreError> {
        let found = self.link.row("SELECT current_setting('data_checksums', true) = 'on'", &[])?;
        Ok(found.map(|row| row.try_get::<_, Option<bool>>(0)).transpose()?.flatten())
    }
}

impl Import for Session {
    fn put(&mut self, portion: &Portion) -> Result<(), StoreError> {
        let tenant = portion.head.tenant.id;
        let session = self.writing(portion.items.len());
        // They are no longer what they were when the tenant's turn was taken.
        session.counters.remove(&tenant);
        put(&mut session.link, portion)
    }

    fn set_copy_mark(&mut self, of: Option<TenantId>, mark: Option<&str>) -> Result<(), StoreError> {
        let row = of.map_or(WHOLE, |tenant| tenant.0);
        let link = &mut self.writing(0).link;
        if let Some(mark) = mark {
            let values = vec![(Box::new(row) as _, Type::INT8), (Box::new(mark.to_owned()) as _, Type::TEXT)];
            link.later(include_str!("sql/moving_set_mark.sql"), values, Expect::Any);
            self.marks.extend(of.map(|_| Mark::Copy(mark.to_owned())));
        } else {
            let values = vec![(Box::new(row) as _, Type::INT8)];
            link.later("DELETE FROM copies WHERE tenant = $1", values, Expect::Any);
        }
        Ok(())
    }
}

pub(super) fn mark(link: &mut Link, of: Option<TenantId>) -> Result<Option<String>, StoreError> {
    let row = of.map_or(WHOLE, |tenant| tenant.0);
    let found = link.row("SELECT mark FROM copies WHERE tenant = $1", &[(&row, Type::INT8)])?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

fn head(link: &mut Link, tenant: TenantId) -> Result<Option<TenantHead>, StoreError> {
    let bound = [(&tenant.0 as _, Type::INT8)];
    let found = link.all(&[
        ("SELECT name, created_at FROM tenant_names WHERE tenant = $1", &bound),
        (include_str!("sql/counters.sql"), &bound),
    ])?;
    let [Some(named), Some(counted)] = [&found[0], &found[1]].map(|rows| rows.first()) else {
        return Ok(None);
    };
    let Counters { revision, next_id, next_attribute, next_address, .. } = Counters::of(counted)?;
    let tenant =
        Tenant { id: tenant, name: named.try_get(0)?, created_at: Timestamp(named.try_get(1)?), revision };
    Ok(Some(TenantHead { tenant, next_group: next_id, next_attribute, next_address }))
}

fn take_definitions(link: &mut Link, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Definition, ItemPlace::attribute) else {
        return Ok(());
    };
    let mut above = above.unwrap_or(0);
    loop {
        let values =
            [(&tenant.0 as _, Type::INT8), (&above as _, Type::INT8), (&bound(FETCHED) as _, Type::INT8)];
        let found = link.rows(include_str!("sql/moving_definitions.sql"), &values)?;
        for row in &found {
            if !filling.has_room() {
                return Ok(());
            }
            let definition = attributes::definition(row)?;
            above = definition.id.get();
            filling.add(Item::Definition(definition));
        }
        if found.len() < FETCHED {
            return Ok(());
        }
    }
}

fn take_access_keys(link: &mut Link, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::AccessKey, ItemPlace::access_key) else {
        return Ok(());
    };
    let mut above = above.unwrap_or_default();
    loop {
        let values =
            [(&tenant.0 as _, Type::INT8), (&above as _, Type::TEXT), (&bound(FETCHED) as _, Type::INT8)];
        let found = link.rows(include_str!("sql/moving_access_keys.sql"), &values)?;
        for row in &found {
            if !filling.has_room() {
                return Ok(());
            }
            let key = access_keys::access_key(row)?;
            above.clone_from(&key.id);
            filling.add(Item::AccessKey(key));
        }
        if found.len() < FETCHED {
            return Ok(());
        }
    }
}

fn take_groups(link: &mut Link, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Group, ItemPlace::group) else { return Ok(()) };
    let mut above = above.unwrap_or(0);
    loop {
        let values =
            [(&tenant.0 as _, Type::INT8), (&above as _, Type::INT8), (&bound(FETCHED) as _, Type::INT8)];
        let found = link.rows(include_str!("sql/list_anywhere.sql"), &values)?;
        for moved in whole(link, tenant, &found)? {
            if !filling.has_room() {
                return Ok(());
            }
            above = moved.group.id.get();
            filling.add(Item::Group(Box::new(moved)));
        }
        if found.len() < FETCHED {
            return Ok(());
        }
    }
}

/// Groups of rows, with all that belongs to them.
fn whole(link: &mut Link, tenant: TenantId, found: &[Row]) -> Result<Vec<MovedGroup>, StoreError> {
    let mut rows = Rows::default();
    let mut groups = found.iter().map(|row| rows.group(row, None)).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<GroupId> = groups.iter().map(|group| group.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let mut extra = read::extra_references(link, tenant, &numbers)?;
    let mut values = values(link, tenant, &numbers)?;
    let mut addresses = addresses::of_groups(link, tenant, &ids)?;
    let whole = groups.drain(..).map(|mut group| {
        group.references.extend(extra.remove(&group.id).unwrap_or_default());
        let values = values.remove(&group.id).unwrap_or_default();
        let addresses = addresses.remove(&group.id).unwrap_or_default();
        MovedGroup { group, values, addresses }
    });
    Ok(whole.collect())
}

/// What groups have of their own, of every attribute.
type Values = HashMap<GroupId, BTreeMap<directory::AttributeId, Parts>>;

fn values(link: &mut Link, tenant: TenantId, ids: &[i64]) -> Result<Values, StoreError> {
    let bound = [(&tenant.0 as _, Type::INT8), (&ids as _, Type::INT8_ARRAY)];
    let mut values = Values::new();
    for row in link.rows(include_str!("sql/moving_values.sql"), &bound)? {
        let of_group = values.entry(group_id(row.try_get(0)?)?).or_default();
        let parts = of_group.entry(attributes::attribute_id(row.try_get(1)?)?).or_default();
        parts.insert(attributes::language(&row, 2)?, attributes::value(&row, 3)?);
    }
    Ok(values)
}

fn take_runs(link: &mut Link, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Run, ItemPlace::run) else { return Ok(()) };
    let mut above = above.map_or_else(Vec::new, Vec::from);
    loop {
        let values = [
            (&tenant.0 as _, Type::INT8),
            (&above as _, Type::BYTEA),
            (&bound(FETCHED_LONG) as _, Type::INT8),
        ];
        let found = link.rows(include_str!("sql/moving_runs.sql"), &values)?;
        for row in &found {
            if !filling.has_room() {
                return Ok(());
            }
            let recorded: RecordedRun = runs::recorded(tenant, row)?;
            above = recorded.run.id.to_bytes().to_vec();
            filling.add(Item::Run(recorded));
        }
        if found.len() < FETCHED_LONG {
            return Ok(());
        }
    }
}

fn take_answers(link: &mut Link, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Answer, ItemPlace::answer) else { return Ok(()) };
    let mut above = above.unwrap_or_default();
    loop {
        let values = [
            (&tenant.0 as _, Type::INT8),
            (&above as _, Type::TEXT),
            (&bound(FETCHED_LONG) as _, Type::INT8),
        ];
        let found = link.rows(include_str!("sql/moving_answers.sql"), &values)?;
        for row in &found {
            if !filling.has_room() {
                return Ok(());
            }
            let answer = answer(tenant, row)?;
            above.clone_from(&answer.key);
            filling.add(Item::Answer(answer));
        }
        if found.len() < FETCHED_LONG {
            return Ok(());
        }
    }
}

fn answer(tenant: TenantId, row: &Row) -> Result<StoredAnswer, StoreError> {
    let fingerprint: &[u8] = row.try_get(1)?;
    let run: Option<&[u8]> = row.try_get(5)?;
    let run = run.map(|run| run.try_into().map_err(|_| damaged("run id"))).transpose()?;
    Ok(StoredAnswer {
        tenant,
        key: row.try_get(0)?,
        fingerprint: fingerprint.try_into().map_err(|_| damaged("fingerprint"))?,
        status: u16::try_from(row.try_get::<_, i32>(2)?).map_err(|_| damaged("status"))?,
        body: row.try_get(3)?,
        expires_at: Timestamp(row.try_get(4)?),
        run: run.map(RunId::from_bytes),
    })
}

/// Takes away what lies in the portion's interval, and what stands in the way elsewhere; then puts its items.
fn put(link: &mut Link, portion: &Portion) -> Result<(), StoreError> {
    put_head(link, &portion.head)?;
    let tenant = portion.head.tenant.id;
    let gone = clear(link, portion)?;
    let mut items = Items::default();
    for item in &portion.items {
        match item {
            Item::Definition(definition) => items.definitions.push(definition),
            Item::AccessKey(key) => access_keys::create(link, key)?,
            Item::Group(moved) => items.groups.push(moved),
            Item::Run(recorded) => runs::keep(link, recorded),
            Item::Answer(answer) => stored_answers::put(link, answer),
        }
    }
    items.put_definitions(link, tenant);
    let extra_refs = items.put_groups(link, tenant)? - gone;
    if extra_refs != 0 {
        let values: Vec<Owned> = vec![(Box::new(tenant.0), Type::INT8), (Box::new(extra_refs), Type::INT8)];
        let sql = "UPDATE tenants SET extra_refs = extra_refs + $2 WHERE tenant = $1";
        link.later(sql, values, Expect::Any);
    }
    Ok(())
}

/// Names lie apart from tenants, and are only written where they are not yet what they shall be.
fn put_head(link: &mut Link, head: &TenantHead) -> Result<(), StoreError> {
    let TenantHead { tenant, next_group, next_attribute, next_address } = head;
    let named = [
        (&tenant.id.0 as _, Type::INT8),
        (&tenant.name as _, Type::TEXT),
        (&tenant.created_at.0 as _, Type::INT8),
    ];
    let found = link.row("SELECT name, created_at FROM tenant_names WHERE tenant = $1", &named[..1])?;
    let written = match found {
        None => {
            let sql = "INSERT INTO tenant_names (tenant, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            link.run(sql, &named)?
        }
        Some(row)
            if row.try_get::<_, &str>(0)? == tenant.name
                && row.try_get::<_, i64>(1)? == tenant.created_at.0 =>
        {
            1
        }
        Some(_) => {
            link.run("UPDATE tenant_names SET name = $2, created_at = $3 WHERE tenant = $1", &named)?
        }
    };
    if written != 1 {
        return Err(link.fail(Failure::race(format!("the name {:?} is that of another tenant", tenant.name))));
    }
    let numbers = [tenant.id.0, tenant.revision, *next_group, *next_attribute, next_address.get()];
    let values = numbers.map(|number| (Box::new(number) as _, Type::INT8)).into();
    link.later(include_str!("sql/moving_put_tenant.sql"), values, Expect::Rows(1, "a tenant has gone"));
    Ok(())
}

/// How many references that lay beside their groups are gone.
fn clear(link: &mut Link, portion: &Portion) -> Result<i64, StoreError> {
    let tenant = portion.head.tenant.id;
    if let Some(span) = portion.span(Kind::Definition, ItemPlace::attribute) {
        let delete = "DELETE FROM attributes WHERE tenant = $1 AND id > $2 AND id <= $3";
        link.later(delete, ids(tenant, &span), Expect::Any);
    }
    if let Some(span) = portion.span(Kind::AccessKey, ItemPlace::access_key) {
        let delete = "DELETE FROM access_keys WHERE tenant = $1 AND id > $2 AND id <= $3";
        link.later(delete, texts(tenant, span), Expect::Any);
    }
    if let Some(Span { above, to }) = portion.span(Kind::Run, ItemPlace::run) {
        let bytes = |key: &[u8]| -> Owned { (Box::new(key.to_vec()), Type::BYTEA) };
        let above = above.map_or_else(Vec::new, Vec::from);
        let values =
            vec![(Box::new(tenant.0) as _, Type::INT8), bytes(&to.unwrap_or([u8::MAX; 16])), bytes(&above)];
        link.later("DELETE FROM runs WHERE tenant = $1 AND id <= $2 AND id > $3", values, Expect::Any);
    }
    if let Some(span) = portion.span(Kind::Answer, ItemPlace::answer) {
        let delete = "DELETE FROM stored_answers WHERE tenant = $1 AND key > $2 AND key <= $3";
        link.later(delete, texts(tenant, span), Expect::Any);
    }
    let Some(span) = portion.span(Kind::Group, ItemPlace::group) else { return Ok(0) };
    for delete in [
        "DELETE FROM groups WHERE tenant = $1 AND id > $2 AND id <= $3",
        "DELETE FROM attribute_values WHERE tenant = $1 AND group_id > $2 AND group_id <= $3",
        "DELETE FROM addresses WHERE tenant = $1 AND group_id > $2 AND group_id <= $3",
    ] {
        link.later(delete, ids(tenant, &span), Expect::Any);
    }
    let (above, to) = (span.above.unwrap_or(0), span.to.unwrap_or(i64::MAX));
    let values = [(&tenant.0 as _, Type::INT8), (&above as _, Type::INT8), (&to as _, Type::INT8)];
    let gone = link.run("DELETE FROM extra_refs WHERE tenant = $1 AND id > $2 AND id <= $3", &values)?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

fn ids(tenant: TenantId, span: &Span<i64>) -> Vec<Owned> {
    let numbers = [tenant.0, span.above.unwrap_or(0), span.to.unwrap_or(i64::MAX)];
    numbers.map(|number| (Box::new(number) as _, Type::INT8)).into()
}

fn texts(tenant: TenantId, span: Span<String>) -> Vec<Owned> {
    let (above, to) = (span.above.unwrap_or_default(), span.to.unwrap_or_else(|| LAST_TEXT.to_owned()));
    vec![(Box::new(tenant.0), Type::INT8), (Box::new(above), Type::TEXT), (Box::new(to), Type::TEXT)]
}

/// What is put together.
#[derive(Default)]
struct Items<'p> {
    definitions: Vec<&'p AttributeDefinition>,
    groups: Vec<&'p MovedGroup>,
}

impl<'p> Items<'p> {
    fn put_definitions(&self, link: &mut Link, tenant: TenantId) {
        if self.definitions.is_empty() {
            return;
        }
        let column = |text: fn(&AttributeDefinition) -> &str| -> Owned {
            let texts: Vec<String> = self.definitions.iter().map(|it| text(it).to_owned()).collect();
            (Box::new(texts), Type::TEXT_ARRAY)
        };
        let values = vec![
            (Box::new(tenant.0) as _, Type::INT8),
            column(|definition| definition.class.as_str()),
            column(|definition| definition.name.as_str()),
        ];
        link.later(include_str!("sql/moving_free_names.sql"), values, Expect::Any);
        attributes::put(link, tenant, &self.definitions, include_str!("sql/attributes_insert.sql"));
    }

    /// How many references lie beside their groups now that did not before.
    fn put_groups(&self, link: &mut Link, tenant: TenantId) -> Result<i64, StoreError> {
        if self.groups.is_empty() {
            return Ok(0);
        }
        let gone = self.free_references(link, tenant)?;
        self.rows().copy(link, include_str!("sql/moving_put_groups.sql"), tenant)?;
        let mut extra = columns::extra();
        let mut values = columns::values();
        let mut addresses = Vec::new();
        for MovedGroup { group, values: own, addresses: kept } in &self.groups {
            for (position, reference) in (0..).zip(&group.references).skip(1) {
                extra.row(|row| {
                    row.number(Some(group.id.get()));
                    row.small(position);
                    row.text(Some(reference.source.as_str().into()));
                    row.text(Some(reference.key.as_str().into()));
                    row.number(Some(fold(&reference.key)));
                });
            }
            for (attribute, (language, value)) in
                own.iter().flat_map(|(id, parts)| parts.iter().map(move |part| (id, part)))
            {
                values.row(|row| {
                    row.number(Some(group.id.get()));
                    row.number(Some(attribute.get()));
                    row.text(Some(language.map(|language| language.to_string()).unwrap_or_default().into()));
                    row.text(Some(value.as_str().into()));
                });
            }
            addresses
                .extend(kept.iter().map(|address| (group.id, AddressWrite::Add(Box::new(address.clone())))));
        }
        if !extra.is_empty() {
            extra.run(link, include_str!("sql/extra_insert.sql"), tenant, &[])?;
        }
        if !values.is_empty() {
            values.run(link, include_str!("sql/attribute_values_put.sql"), tenant, &[])?;
        }
        let writes: Vec<_> = addresses.iter().map(|(group, write)| (*group, write)).collect();
        // Whatever they count, the head has said it.
        let mut counters = Counters { next_address: AddressId::default(), ..Counters::none() };
        addresses::apply(link, tenant, &writes, &mut counters);
        Ok(i64::try_from(extra.len()).unwrap_or(i64::MAX) - gone)
    }

    /// Takes references from groups elsewhere that have them no longer where they come from.
    fn free_references(&self, link: &mut Link, tenant: TenantId) -> Result<i64, StoreError> {
        let mut claims = columns::claims();
        for reference in self.groups.iter().flat_map(|moved| &moved.group.references) {
            claims.row(|row| {
                row.text(Some(reference.source.as_str().into()));
                row.text(Some(reference.key.as_str().into()));
                row.number(Some(fold(&reference.key)));
            });
        }
        claims.run(link, include_str!("sql/moving_free_inline.sql"), tenant, &[])?;
        let gone = claims.run(link, include_str!("sql/moving_free_extra.sql"), tenant, &[])?;
        Ok(i64::try_from(gone).unwrap_or(i64::MAX))
    }

    fn rows(&self) -> Columns<'p> {
        let mut table = columns::moved(self.groups.len());
        for MovedGroup { group, .. } in &self.groups {
            let first = group.references.first();
            let [language, company, department, office, notes, options] =
                apply::details(group.details.as_deref());
            table.row(|row| {
                row.number(Some(group.id.get()));
                row.number(group.parent.map(GroupId::get));
                row.text(first.map(|reference| reference.source.as_str().into()));
                row.text(first.map(|reference| reference.key.as_str().into()));
                row.number(first.map(|reference| fold(&reference.key)));
                row.text(Some(group.name.as_str().into()));
                row.text(group.description.as_ref().map(Description::as_str).map(Into::into));
                row.text(group.photo_url.as_ref().map(PhotoUrl::as_str).map(Into::into));
                row.number(Some(group.created_at.0));
                row.number(Some(group.updated_at.0));
                row.number(group.archived_at.map(|at| at.0));
                row.number(Some(group.revision));
                for text in [language, company, department, office, notes, options] {
                    row.text(text);
                }
                row.number(content_hash::of_group(group));
            });
        }
        table
    }
}
