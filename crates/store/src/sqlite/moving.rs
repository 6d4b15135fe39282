//! Everything of a tenant, handed out and taken in portion by portion.

use std::collections::BTreeMap;

use directory::model::localised_to_stored;
use directory::{
    AttributeDefinition, AttributeId, ExternalReference, Group, GroupId, GroupView, Parts, RunId, TenantId,
    ValueText,
};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::errors::{damaged, is_taken};
use super::rows::Rows;
use super::session::Session;
use super::{access_keys, addresses, attributes, read, runs, stored_answers, tenants};
use crate::content_hash;
use crate::details::stored_details;
use crate::fold::fold;
use crate::moving::{
    Export, Filling, Import, Item, ItemPlace, Kind, LAST_TEXT, MovedGroup, Portion, PortionSize, Span,
    TenantHead,
};
use crate::{StoreError, StoredAnswer};

/// The row of a copy as a whole: no tenant has this number.
const WHOLE: i64 = 0;

impl Export for Session<'_> {
    fn portion(
        &mut self,
        tenant: TenantId,
        after: Option<&ItemPlace>,
        most: PortionSize,
    ) -> Result<Option<Portion>, StoreError> {
        let portion = portion(self.db, tenant, after, most);
        self.reading(portion)
    }

    fn copy_mark(&mut self, of: Option<TenantId>) -> Result<Option<String>, StoreError> {
        let mark = mark(self.db, of);
        self.reading(mark)
    }
}

impl Import for Session<'_> {
    fn put(&mut self, portion: &Portion) -> Result<(), StoreError> {
        self.writing(portion.items.len(), |db| put(db, portion))
    }

    fn set_copy_mark(&mut self, of: Option<TenantId>, mark: Option<&str>) -> Result<(), StoreError> {
        self.writing(0, |db| set_mark(db, of, mark))
    }
}

fn mark(db: &Connection, of: Option<TenantId>) -> Result<Option<String>, StoreError> {
    let mut select = db.prepare_cached("SELECT mark FROM copies WHERE tenant = ?1")?;
    Ok(select.query_row([of.map_or(WHOLE, |tenant| tenant.0)], |row| row.get(0)).optional()?)
}

fn set_mark(db: &Connection, of: Option<TenantId>, mark: Option<&str>) -> Result<(), StoreError> {
    let row = of.map_or(WHOLE, |tenant| tenant.0);
    match mark {
        Some(mark) => db
            .prepare_cached("INSERT OR REPLACE INTO copies (tenant, mark) VALUES (?1, ?2)")?
            .execute((row, mark))?,
        None => db.prepare_cached("DELETE FROM copies WHERE tenant = ?1")?.execute([row])?,
    };
    Ok(())
}

fn portion(
    db: &Connection,
    tenant: TenantId,
    after: Option<&ItemPlace>,
    most: PortionSize,
) -> Result<Option<Portion>, StoreError> {
    let Some(head) = tenants::head(db, tenant)? else { return Ok(None) };
    let mut filling = Filling::new(head, after.cloned(), most);
    for kind in Kind::ALL {
        if filling.is_over() {
            break;
        }
        match kind {
            Kind::Definition => take_definitions(db, tenant, &mut filling)?,
            Kind::AccessKey => take_access_keys(db, tenant, &mut filling)?,
            Kind::Group => take_groups(db, tenant, &mut filling)?,
            Kind::Run => take_runs(db, tenant, &mut filling)?,
            Kind::Answer => take_answers(db, tenant, &mut filling)?,
        }
    }
    Ok(Some(filling.done()))
}

fn take_definitions(db: &Connection, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Definition, ItemPlace::attribute) else {
        return Ok(());
    };
    let mut select = db.prepare_cached(include_str!("sql/moving_definitions.sql"))?;
    let mut rows = select.query((tenant.0, above.unwrap_or(0)))?;
    while let Some(row) = rows.next()? {
        if !filling.has_room() {
            break;
        }
        filling.add(Item::Definition(attributes::definition(tenant, row)?));
    }
    Ok(())
}

fn take_access_keys(db: &Connection, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::AccessKey, ItemPlace::access_key) else {
        return Ok(());
    };
    let mut select = db.prepare_cached(include_str!("sql/moving_access_keys.sql"))?;
    let mut rows = select.query((tenant.0, above.unwrap_or_default()))?;
    while let Some(row) = rows.next()? {
        if !filling.has_room() {
            break;
        }
        filling.add(Item::AccessKey(access_keys::access_key(row)?));
    }
    Ok(())
}

/// Each group with what belongs to it: what is loaded is bounded by the bytes of a portion, not by its groups.
fn take_groups(db: &Connection, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Group, ItemPlace::group) else { return Ok(()) };
    let mut select = db.prepare_cached(include_str!("sql/list_anywhere.sql"))?;
    let mut found = select.query((tenant.0, above.unwrap_or(0)))?;
    let mut rows = Rows::of(tenant);
    while let Some(row) = found.next()? {
        if !filling.has_room() {
            break;
        }
        let view = GroupView { group: rows.group(row, None)?, parent_key: None };
        for GroupView { group, .. } in read::complete(db, tenant, vec![view])? {
            let values = values(db, tenant, group.id)?;
            let addresses = addresses::list(db, tenant, group.id, None)?;
            filling.add(Item::Group(Box::new(MovedGroup { group, values, addresses })));
        }
    }
    Ok(())
}

/// What a group has of its own, of every attribute.
fn values(
    db: &Connection,
    tenant: TenantId,
    of: GroupId,
) -> Result<BTreeMap<AttributeId, Parts>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/moving_values.sql"))?;
    let mut rows = select.query((tenant.0, of.get()))?;
    let mut values = BTreeMap::<_, Parts>::new();
    while let Some(row) = rows.next()? {
        let id = AttributeId::new(row.get(0)?).ok_or_else(|| damaged("attribute id"))?;
        attributes::check_value(tenant, of, row)?;
        let part = (attributes::language(row, 1)?, attributes::value(row, 2)?);
        values.entry(id).or_default().insert(part.0, part.1);
    }
    Ok(values)
}

fn take_runs(db: &Connection, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Run, ItemPlace::run) else { return Ok(()) };
    let mut select = db.prepare_cached(include_str!("sql/moving_runs.sql"))?;
    let mut rows = select.query((tenant.0, above.map_or_else(Vec::new, Vec::from)))?;
    while let Some(row) = rows.next()? {
        if !filling.has_room() {
            break;
        }
        filling.add(Item::Run(runs::recorded(tenant, row)?));
    }
    Ok(())
}

fn take_answers(db: &Connection, tenant: TenantId, filling: &mut Filling) -> Result<(), StoreError> {
    let Some(Span { above, .. }) = filling.start(Kind::Answer, ItemPlace::answer) else { return Ok(()) };
    let mut select = db.prepare_cached(include_str!("sql/moving_answers.sql"))?;
    let mut rows = select.query((tenant.0, above.unwrap_or_default()))?;
    while let Some(row) = rows.next()? {
        if !filling.has_room() {
            break;
        }
        filling.add(Item::Answer(stored_answers::answer(tenant, row)?));
    }
    Ok(())
}

/// Takes away what lies in the portion's interval, then puts its items.
fn put(db: &Connection, portion: &Portion) -> Result<(), StoreError> {
    put_head(db, &portion.head)?;
    let tenant = portion.head.tenant.id;
    clear(db, tenant, portion)?;
    let mut extra_refs = 0;
    for item in &portion.items {
        match item {
            Item::Definition(definition) => put_definition(db, tenant, definition)?,
            Item::AccessKey(key) => access_keys::create(db, key)?,
            Item::Group(moved) => extra_refs += put_group(db, tenant, moved)?,
            Item::Run(recorded) => runs::keep(db, recorded)?,
            Item::Answer(answer) => put_answer(db, answer)?,
        }
    }
    tenants::count_extra_refs(db, tenant, extra_refs)
}

fn put_head(db: &Connection, head: &TenantHead) -> Result<(), StoreError> {
    let TenantHead { tenant, next_group, next_attribute, next_address } = head;
    let mut insert = db.prepare_cached(include_str!("sql/moving_put_tenant.sql"))?;
    let (id, at, revision) = (tenant.id.0, tenant.created_at.0, tenant.revision);
    let row = (id, &tenant.name, at, revision, next_group, next_attribute, next_address.get());
    match insert.execute(row) {
        Err(error) if is_taken(&error) => {
            Err(StoreError::Conflict(format!("the name {:?} is that of another tenant", tenant.name)))
        }
        other => Ok(other.map(drop)?),
    }
}

fn clear(db: &Connection, tenant: TenantId, portion: &Portion) -> Result<(), StoreError> {
    if let Some(span) = portion.span(Kind::Definition, ItemPlace::attribute) {
        let delete = "DELETE FROM attributes WHERE tenant = ?1 AND id > ?2 AND id <= ?3";
        db.prepare_cached(delete)?.execute(ids(tenant, &span))?;
    }
    if let Some(Span { above, to }) = portion.span(Kind::AccessKey, ItemPlace::access_key) {
        let delete = "DELETE FROM access_keys WHERE tenant = ?1 AND id > ?2 AND id <= ?3";
        let (above, to) = (above.unwrap_or_default(), to.unwrap_or_else(|| LAST_TEXT.to_owned()));
        db.prepare_cached(delete)?.execute((tenant.0, above, to))?;
    }
    if let Some(span) = portion.span(Kind::Group, ItemPlace::group) {
        clear_groups(db, tenant, &span)?;
    }
    if let Some(Span { above, to }) = portion.span(Kind::Run, ItemPlace::run) {
        let delete = "DELETE FROM runs WHERE tenant = ?1 AND id > ?2 AND id <= ?3";
        let above = above.map_or_else(Vec::new, Vec::from);
        db.prepare_cached(delete)?.execute((tenant.0, above, to.unwrap_or([u8::MAX; 16])))?;
    }
    if let Some(Span { above, to }) = portion.span(Kind::Answer, ItemPlace::answer) {
        let delete = "DELETE FROM stored_answers WHERE tenant = ?1 AND key > ?2 AND key <= ?3";
        let (above, to) = (above.unwrap_or_default(), to.unwrap_or_else(|| LAST_TEXT.to_owned()));
        db.prepare_cached(delete)?.execute((tenant.0, above, to))?;
    }
    Ok(())
}

fn clear_groups(db: &Connection, tenant: TenantId, span: &Span<i64>) -> Result<(), StoreError> {
    for delete in [
        "DELETE FROM groups WHERE tenant = ?1 AND id > ?2 AND id <= ?3",
        "DELETE FROM attribute_values WHERE tenant = ?1 AND group_id > ?2 AND group_id <= ?3",
        "DELETE FROM addresses WHERE tenant = ?1 AND group_id > ?2 AND group_id <= ?3",
    ] {
        db.prepare_cached(delete)?.execute(ids(tenant, span))?;
    }
    let delete = "DELETE FROM extra_refs WHERE tenant = ?1 AND id > ?2 AND id <= ?3";
    let gone = db.prepare_cached(delete)?.execute(ids(tenant, span))?;
    tenants::count_extra_refs(db, tenant, -i64::try_from(gone).unwrap_or(i64::MAX))
}

fn ids(tenant: TenantId, span: &Span<i64>) -> (i64, i64, i64) {
    (tenant.0, span.above.unwrap_or(0), span.to.unwrap_or(i64::MAX))
}

fn put_definition(
    db: &Connection,
    tenant: TenantId,
    definition: &AttributeDefinition,
) -> Result<(), StoreError> {
    db.prepare_cached(include_str!("sql/moving_put_definition.sql"))?.execute((
        tenant.0,
        definition.id.get(),
        definition.name.as_str(),
        definition.class.as_str(),
        definition.kind.as_str(),
        definition.type_param.as_str(),
        localised_to_stored(&definition.descriptions),
        localised_to_stored(&definition.units),
        definition.group.as_str(),
        definition.default.as_ref().map(ValueText::as_str),
        definition.flags.to_stored(),
    ))?;
    Ok(())
}

/// How many references it has that lie beside it.
fn put_group(db: &Connection, tenant: TenantId, moved: &MovedGroup) -> Result<i64, StoreError> {
    let MovedGroup { group, values, addresses } = moved;
    put_row(db, tenant, group)?;
    let mut extra = 0;
    for (position, ExternalReference { source, key }) in (0i64..).zip(&group.references).skip(1) {
        let mut insert = db.prepare_cached(include_str!("sql/add_further_reference.sql"))?;
        insert.execute((tenant.0, group.id.get(), position, source.as_str(), key.as_str(), fold(key)))?;
        extra += 1;
    }
    for (attribute, parts) in values {
        for (language, value) in parts {
            let mut insert = db.prepare_cached(include_str!("sql/attribute_value_put.sql"))?;
            let language = language.map(|language| language.to_string()).unwrap_or_default();
            insert.execute((tenant.0, group.id.get(), attribute.get(), language, value.as_str()))?;
        }
    }
    for address in addresses {
        let mut insert = db.prepare_cached(include_str!("sql/address_insert.sql"))?;
        insert.execute(params_from_iter(addresses::columns(tenant, group.id, address)))?;
    }
    Ok(extra)
}

fn put_row(db: &Connection, tenant: TenantId, group: &Group) -> Result<(), StoreError> {
    let first = group.references.first();
    let [language, company, department, office, notes, options] = stored_details(group.details.as_deref());
    db.prepare_cached(include_str!("sql/moving_put_group.sql"))?.execute(params![
        tenant.0,
        group.id.get(),
        group.parent.map(GroupId::get),
        first.map(|reference| reference.source.as_str()),
        first.map(|reference| reference.key.as_str()),
        first.map(|reference| fold(&reference.key)),
        group.name.as_str(),
        group.description.as_ref().map(directory::Description::as_str),
        group.photo_url.as_ref().map(directory::PhotoUrl::as_str),
        group.created_at.0,
        group.updated_at.0,
        group.archived_at.map(|at| at.0),
        group.revision,
        language,
        company,
        department,
        office,
        notes,
        options,
        content_hash::of_group(group),
    ])?;
    Ok(())
}

fn put_answer(db: &Connection, answer: &StoredAnswer) -> Result<(), StoreError> {
    let StoredAnswer { tenant, key, fingerprint, status, body, expires_at, run } = answer;
    let run = run.map(RunId::to_bytes);
    db.prepare_cached(
        "INSERT INTO stored_answers (tenant, key, fingerprint, status, body, expires_at, run, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7))",
    )?
    .execute((tenant.0, key, fingerprint, status, body, expires_at.0, run))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sqlite::migrate::database;

    #[test]
    fn everything_that_moves_is_read_along_its_key() {
        let db = database();
        for (sql, expected) in [
            (include_str!("sql/moving_definitions.sql"), "attributes USING PRIMARY KEY (tenant=? AND id>?)"),
            (
                include_str!("sql/moving_access_keys.sql"),
                "access_keys USING INDEX access_keys_tenant (tenant=? AND id>?)",
            ),
            (
                include_str!("sql/moving_values.sql"),
                "attribute_values USING PRIMARY KEY (tenant=? AND group_id=?)",
            ),
            (include_str!("sql/moving_runs.sql"), "runs USING INDEX runs_id (tenant=? AND id>?)"),
            (
                include_str!("sql/moving_answers.sql"),
                "stored_answers USING INDEX stored_answers_key (tenant=? AND key>?)",
            ),
        ] {
            let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
            let steps: Vec<String> = explain
                .query_map((1, 1), |row| row.get("detail"))
                .expect("explained")
                .collect::<Result<_, _>>()
                .expect("texts");
            // One step: no sorter.
            assert_eq!(steps, [format!("SEARCH {expected}")]);
        }
    }
}
