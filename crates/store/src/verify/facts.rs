//! What was read so far, as far as it has to fit together.

use std::collections::{BTreeMap, BTreeSet};

use directory::TenantId;

use super::{Finding, VerifiedTenant, Watch, tree};

/// Who is told after so many rows.
const TOLD_EVERY: u64 = 10_000;

/// What a tenant's own row says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) revision: i64,
    pub(crate) next_attribute: i64,
    pub(crate) next_address: i64,
    /// `None` where the engine does not tell.
    pub(crate) extra_refs: Option<i64>,
}

/// A group as a part of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeFact {
    pub(crate) id: i64,
    /// 0 for none.
    pub(crate) parent: i64,
    pub(crate) archived: bool,
}

/// What is known of a tenant.
struct Known {
    name: String,
    counted: Counted,
    nodes: Vec<NodeFact>,
    /// Hashes of pairs of source and key, and whose they are.
    references: Vec<(u64, i64)>,
    extra_refs: i64,
    attributes: BTreeSet<i64>,
    /// Codes and defaults of the group whose addresses are being read.
    desk: Desk,
    levels: usize,
    found: u64,
}

/// The addresses of one group.
#[derive(Default)]
struct Desk {
    group: i64,
    codes: BTreeSet<String>,
    defaults: BTreeSet<String>,
}

/// Everything that was read so far. Takes 40 bytes a group.
pub(crate) struct Facts<'w> {
    watch: &'w mut dyn Watch,
    tenants: BTreeMap<TenantId, Known>,
    /// The one tenant that is asked for.
    only: Option<TenantId>,
    rows: u64,
    found: u64,
}

impl<'w> Facts<'w> {
    pub(crate) fn new(watch: &'w mut dyn Watch) -> Self {
        Self { watch, tenants: BTreeMap::new(), only: None, rows: 0, found: 0 }
    }

    /// What other tenants have does not count from now on.
    pub(crate) const fn only(&mut self, tenant: TenantId) {
        self.only = Some(tenant);
    }

    pub(crate) fn reached(&mut self, doing: &str) {
        self.watch.reached(doing, self.rows);
    }

    /// One row more was looked at.
    pub(crate) fn row(&mut self, doing: &str) {
        self.rows += 1;
        if self.rows.is_multiple_of(TOLD_EVERY) {
            self.watch.reached(doing, self.rows);
        }
    }

    pub(crate) const fn found(&self) -> u64 {
        self.found
    }

    /// How much was found of one tenant.
    pub(crate) fn found_of(&self, tenant: TenantId) -> u64 {
        self.tenants.get(&tenant).map_or(0, |known| known.found)
    }

    /// Tells of something that is wrong.
    pub(crate) fn find(
        &mut self,
        table: &'static str,
        tenant: Option<TenantId>,
        row: String,
        problem: impl Into<String>,
    ) {
        if let (Some(only), Some(tenant)) = (self.only, tenant)
            && only != tenant
        {
            return;
        }
        self.found += 1;
        let tenant = tenant.map(|id| match self.tenants.get_mut(&id) {
            Some(known) => {
                known.found += 1;
                known.name.clone()
            }
            None => format!("#{}", id.0),
        });
        self.watch.found(Finding { table, tenant, row, problem: problem.into() });
    }

    pub(crate) fn tenant(&mut self, id: TenantId, name: &str, counted: Counted) {
        self.tenants.insert(
            id,
            Known {
                name: name.to_owned(),
                counted,
                nodes: Vec::new(),
                references: Vec::new(),
                extra_refs: 0,
                attributes: BTreeSet::new(),
                desk: Desk::default(),
                levels: 0,
                found: 0,
            },
        );
        if counted.revision < 0 || counted.next_attribute < 1 || counted.next_address < 1 {
            self.find("tenants", Some(id), format!("tenant {name:?}"), "a counter is below its beginning");
        }
    }

    /// Whether there is this tenant; told where there is none.
    pub(crate) fn belongs(
        &mut self,
        table: &'static str,
        tenant: TenantId,
        row: impl Fn() -> String,
    ) -> bool {
        let is_there = self.tenants.contains_key(&tenant);
        if !is_there {
            self.find(table, Some(tenant), row(), "there is no such tenant");
        }
        is_there
    }

    /// A revision that something of a tenant has.
    pub(crate) fn revision(
        &mut self,
        table: &'static str,
        tenant: TenantId,
        revision: i64,
        row: impl Fn() -> String,
    ) {
        let now = self.tenants.get(&tenant).map_or(i64::MAX, |known| known.counted.revision);
        if revision > now || revision < 0 {
            let problem = format!("has revision {revision}, and its tenant is at {now}");
            self.find(table, Some(tenant), row(), problem);
        }
    }

    pub(crate) fn group(&mut self, tenant: TenantId, node: NodeFact) {
        if let Some(known) = self.tenants.get_mut(&tenant) {
            known.nodes.push(node);
        }
    }

    pub(crate) fn reference(&mut self, tenant: TenantId, of: i64, source: &str, key: &str, is_further: bool) {
        let Some(known) = self.tenants.get_mut(&tenant) else { return };
        let mut hash = blake3::Hasher::new();
        hash.update(&(source.len() as u64).to_le_bytes()).update(source.as_bytes()).update(key.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
        known.references.push((u64::from_le_bytes(first), of));
        known.extra_refs += i64::from(is_further);
    }

    /// All groups were told; what belongs to them follows.
    pub(crate) fn groups_are_complete(&mut self) {
        for known in self.tenants.values_mut() {
            known.nodes.sort_unstable();
        }
    }

    pub(crate) fn attribute(&mut self, tenant: TenantId, id: i64) {
        let Some(known) = self.tenants.get_mut(&tenant) else { return };
        known.attributes.insert(id);
        if id >= known.counted.next_attribute {
            let next = known.counted.next_attribute;
            self.find("attributes", Some(tenant), format!("attribute {id}"), beyond(next));
        }
    }

    /// Whether there is this group; told where there is none.
    pub(crate) fn has_group(
        &mut self,
        table: &'static str,
        tenant: TenantId,
        group: i64,
        row: impl Fn() -> String,
    ) {
        let Some(known) = self.tenants.get(&tenant) else { return };
        if known.nodes.binary_search_by_key(&group, |node| node.id).is_err() {
            self.find(table, Some(tenant), row(), format!("there is no group {group}"));
        }
    }

    pub(crate) fn value(&mut self, tenant: TenantId, attribute: i64, row: impl Fn() -> String) {
        let Some(known) = self.tenants.get(&tenant) else { return };
        if !known.attributes.contains(&attribute) {
            let problem = format!("there is no attribute {attribute}");
            self.find("attribute_values", Some(tenant), row(), problem);
        }
    }

    /// An address; those of one group come one after another.
    pub(crate) fn address(&mut self, tenant: TenantId, group: i64, id: i64, address: &AddressFact<'_>) {
        let Some(known) = self.tenants.get_mut(&tenant) else { return };
        if known.desk.group != group {
            known.desk = Desk { group, ..Desk::default() };
        }
        let mut problems = Vec::new();
        if id >= known.counted.next_address {
            problems.push(beyond(known.counted.next_address));
        }
        if let Some(code) = address.code
            && !known.desk.codes.insert(code.to_owned())
        {
            problems.push(format!("the group has another address with the code {code:?}"));
        }
        if address.is_default && !known.desk.defaults.insert(address.kind.to_owned()) {
            problems.push(format!("the group has another default address of type {}", address.kind));
        }
        for problem in problems {
            self.find("addresses", Some(tenant), format!("address {id} of group {group}"), problem);
        }
    }

    /// Compares what was read of each tenant with the rest of it.
    pub(crate) fn compare(&mut self) {
        self.reached("trees and references");
        let ids: Vec<TenantId> = self.tenants.keys().copied().collect();
        for id in ids {
            self.compare_references(id);
            let Some(known) = self.tenants.get_mut(&id) else { continue };
            let mut nodes = std::mem::take(&mut known.nodes);
            nodes.sort_unstable();
            let levels = tree::check(&nodes, &mut |group, problem| {
                self.find("groups", Some(id), format!("group {group}"), problem);
            });
            if let Some(known) = self.tenants.get_mut(&id) {
                (known.nodes, known.levels) = (nodes, levels);
            }
        }
    }

    fn compare_references(&mut self, tenant: TenantId) {
        let Some(known) = self.tenants.get_mut(&tenant) else { return };
        let mut references = std::mem::take(&mut known.references);
        let (counted, found) = (known.counted.extra_refs, known.extra_refs);
        references.sort_unstable();
        for pair in references.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let problem = format!("a pair of source and key of it belongs to group {} as well", pair[0].1);
            self.find("groups", Some(tenant), format!("group {}", pair[1].1), problem);
        }
        if let Some(counted) = counted.filter(|counted| *counted != found) {
            let problem = format!("counts {counted} further references, and there are {found}");
            self.find("tenants", Some(tenant), format!("tenant {}", tenant.0), problem);
        }
    }

    /// What there is, as far as it was asked for; without digests.
    pub(crate) fn tenants(&self) -> Vec<VerifiedTenant> {
        let asked = self.tenants.iter().filter(|(id, _)| self.only.is_none_or(|only| only == **id));
        asked
            .map(|(id, known)| VerifiedTenant {
                id: *id,
                name: known.name.clone(),
                groups: known.nodes.len() as u64,
                levels: known.levels,
                digested: None,
            })
            .collect()
    }
}

/// What has to be unique among the addresses of a group.
pub(crate) struct AddressFact<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) is_default: bool,
}

fn beyond(next: i64) -> String {
    format!("its id was never assigned: the next one is {next}")
}
