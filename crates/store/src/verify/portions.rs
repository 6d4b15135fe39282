//! A store checked by what it hands out to be moved, and by what it finds: for engines whose files are not ours.

use std::collections::HashSet;

use directory::{LookupKey, Needs, TenantId};

use super::{AddressFact, Counted, Facts, NodeFact, Verified, Watch};
use crate::digest::Hashing;
use crate::moving::{Item, MovedGroup, Portion, PortionSize, TenantHead};
use crate::{Reader, Store, StoreError, Tenant, read};

const DOING: &str = "rows";

pub(super) fn verify(
    store: &dyn Store,
    tenant: Option<&str>,
    watch: &mut dyn Watch,
) -> Result<Verified, StoreError> {
    read(store, |reader| verify_view(reader, tenant, &mut *watch))
}

/// All of it in one view.
fn verify_view(
    reader: &mut dyn Reader,
    only: Option<&str>,
    watch: &mut dyn Watch,
) -> Result<Verified, StoreError> {
    let mut facts = Facts::new(watch);
    let mut tenants = reader.tenants()?;
    tenants.retain(|tenant| only.is_none_or(|name| tenant.name == name));
    tenants.sort_by_key(|tenant| tenant.id);
    let mut digests = Vec::new();
    for tenant in &tenants {
        let mut hashing = Hashing::new();
        match walk(reader, tenant.id, &mut facts, &mut hashing) {
            Ok(head) => digests.push(head.map(|head| hashing.finish(head, true))),
            Err(error @ StoreError::Corrupt(_)) => {
                facts.find("groups", Some(tenant.id), String::new(), error.to_string());
                digests.push(None);
            }
            Err(error) => return Err(error),
        }
    }
    facts.compare();
    let (mut verified, mut notes) = (facts.tenants(), Vec::new());
    for (tenant, digested) in verified.iter_mut().zip(digests) {
        tenant.digested = digested;
    }
    if reader.has_checksums()? == Some(false) {
        notes.push(
            "the database server keeps no data checksums, so it does not notice bits that change on its disks: \
             switch them on (initdb --data-checksums, or pg_checksums --enable while it is stopped)"
                .to_owned(),
        );
    }
    Ok(Verified { found: facts.found(), tenants: verified, notes })
}

fn walk(
    reader: &mut dyn Reader,
    tenant: TenantId,
    facts: &mut Facts<'_>,
    hashing: &mut Hashing,
) -> Result<Option<TenantHead>, StoreError> {
    let mut after = None;
    loop {
        let Some(portion) = reader.portion(tenant, after.as_ref(), PortionSize::default())? else {
            return Ok(None);
        };
        if after.is_none() {
            let TenantHead { tenant: Tenant { name, revision, .. }, next_attribute, next_address, .. } =
                &portion.head;
            let counted = Counted {
                revision: *revision,
                next_attribute: *next_attribute,
                next_address: next_address.get(),
                extra_refs: None,
            };
            facts.tenant(tenant, name, counted);
        }
        for item in &portion.items {
            hashing.item(item);
            facts.row(DOING);
            take(tenant, item, facts);
        }
        look_up(reader, tenant, &portion, facts)?;
        after = portion.until();
        if after.is_none() {
            return Ok(Some(portion.head));
        }
    }
}

fn take(tenant: TenantId, item: &Item, facts: &mut Facts<'_>) {
    match item {
        Item::Definition(definition) => facts.attribute(tenant, definition.id.get()),
        Item::Group(moved) => take_group(tenant, moved, facts),
        Item::Run(recorded) => {
            let run = &recorded.run;
            facts.revision("runs", tenant, run.revision, || format!("run {}", run.id));
        }
        Item::AccessKey(_) | Item::Answer(_) => {}
    }
}

fn take_group(tenant: TenantId, moved: &MovedGroup, facts: &mut Facts<'_>) {
    let MovedGroup { group, values, addresses } = moved;
    let id = group.id.get();
    facts.revision("groups", tenant, group.revision, || format!("group {id}"));
    let parent = group.parent.map_or(0, directory::GroupId::get);
    facts.group(tenant, NodeFact { id, parent, archived: group.is_archived() });
    for (reference, position) in group.references.iter().zip(0..) {
        facts.reference(tenant, id, reference.source.as_str(), reference.key.as_str(), position > 0);
    }
    for attribute in values.keys() {
        facts.value(tenant, attribute.get(), || format!("attribute {attribute} of group {id}"));
    }
    for address in addresses {
        let content = &address.content;
        let fact = AddressFact {
            code: content.code.as_ref().map(directory::AddressCode::as_str),
            kind: content.kind.as_str(),
            is_default: content.is_default,
        };
        facts.address(tenant, id, address.id.get(), &fact);
    }
}

/// Every group is found by each of its references, and no other one is.
fn look_up(
    reader: &mut dyn Reader,
    tenant: TenantId,
    portion: &Portion,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let groups = || {
        portion.items.iter().filter_map(|item| match item {
            Item::Group(moved) => Some(&moved.group),
            _ => None,
        })
    };
    let keys: HashSet<LookupKey> = groups()
        .flat_map(|group| &group.references)
        .map(|reference| LookupKey::Reference(reference.clone()))
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let needs = Needs { keys: keys.into_iter().collect(), ..Needs::default() };
    let seen = reader.load(tenant, &needs)?;
    for group in groups() {
        for reference in &group.references {
            let found =
                seen.matches.get(&LookupKey::Reference(reference.clone())).map_or(&[][..], Vec::as_slice);
            if found != [group.id] {
                let row = format!("group {} (key {:?})", group.id, reference.key.as_str());
                facts.find("groups", Some(tenant), row, "is not what is found by its key");
            }
        }
    }
    Ok(())
}
