//! A small stored state and the engine that looks at it, so that an answer can be judged as a whole.
//!
//! `g-root` > `g-child` > `g-grand` · `g-full`, below `g-root`, with every field set · `g-arch`, archived ·
//! `café` (NFC) · `twin`, twice, of types A and B · `Abc-1`

use directory::{
    Ancestor, Batch, Description, ExternalReference, FreeIds, Group, GroupId, LookupKey, Name, Outcome,
    PhotoUrl, PlanContext, ReferenceKey, Snapshot, Source, TenantId, Timestamp,
};
use faces::groups::{self, Handling, Mode, Reply};

/// The answer to a request.
pub(crate) fn answer(body: &[u8], handling: Handling, mode: Mode) -> Reply {
    let reading = match groups::read(body, handling) {
        Ok(reading) => reading,
        Err(refusal) => return Reply { status: refusal.status(), body: refusal.body("request-1") },
    };
    let batch = Batch::new(TenantId(1), reading.records).expect("a batch of a legal size");
    let outcome = outcome(&batch);
    groups::write(&reading.notes, &batch, &outcome, mode)
}

fn outcome(batch: &Batch) -> Outcome {
    let seen = see(batch);
    let mut ids = seen.free_ids.source(batch);
    directory::plan(batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: directory::DEPTH_LIMIT })
        .outcome
}

fn see(batch: &Batch) -> Snapshot {
    let stored = stored();
    let needs = directory::needs(batch).in_full();
    let mut seen = Snapshot { revision: 1, free_ids: FreeIds(vec![(100, 100_000)]), ..Snapshot::default() };
    for key in needs.keys {
        let is_meant = |group: &&Group| group.references.iter().any(|stored| means(&key, group.id, stored));
        let meant: Vec<&Group> = stored.iter().filter(is_meant).collect();
        let looks_like = |stored: &&ExternalReference| {
            key.reference_key().is_some_and(|key| key.folded() == stored.key.folded())
        };
        if meant.is_empty() && needs.own_keys.contains(&key) {
            let similar =
                stored.iter().flat_map(|group| &group.references).filter(looks_like).cloned().collect();
            seen.similar.insert(key, similar);
        } else if !meant.is_empty() {
            seen.groups.extend(meant.iter().map(|group| (group.id, (*group).clone())));
            seen.matches.insert(key, meant.iter().map(|group| group.id).collect());
        }
    }
    // Everything is an ancestor that may be wanted, and these pieces are the whole subtrees.
    seen.ancestors = stored.iter().map(|group| (group.id, ancestor(group))).collect();
    let hierarchy = directory::needs_hierarchy(batch, &seen);
    let movers = hierarchy.heights_of;
    seen.heights = movers.iter().map(|id| (*id, height(*id, &stored, &movers))).collect();
    seen
}

fn means(key: &LookupKey, id: GroupId, stored: &ExternalReference) -> bool {
    match key {
        LookupKey::Key(key) => stored.key == *key,
        LookupKey::Reference(reference) => stored == reference,
        LookupKey::Id(wanted) => *wanted == id,
        LookupKey::New => false,
    }
}

fn ancestor(group: &Group) -> Ancestor {
    let key = group.references.first().map(|reference| reference.key.clone());
    Ancestor { parent: group.parent, key, archived: group.is_archived() }
}

fn height(id: GroupId, stored: &[Group], movers: &[GroupId]) -> usize {
    let children = stored.iter().filter(|group| group.parent == Some(id) && !movers.contains(&group.id));
    1 + children.map(|child| height(child.id, stored, movers)).max().unwrap_or(0)
}

fn stored() -> Vec<Group> {
    let plain = [(1, "g-root", None), (2, "g-child", Some(1)), (3, "g-grand", Some(2)), (6, "café", None)];
    let mut groups: Vec<Group> = plain.iter().map(|(id, key, parent)| group(*id, "", key, *parent)).collect();
    groups.push(full());
    groups.push(Group { archived_at: Some(Timestamp(1)), ..group(5, "", "g-arch", None) });
    groups.extend([group(7, "A", "twin", None), group(8, "B", "twin", None), group(9, "", "Abc-1", None)]);
    groups
}

/// `g-full`.
pub(crate) fn full() -> Group {
    Group {
        description: Some(Description::from_stored("All fields are set")),
        photo_url: Some(PhotoUrl::from_stored("https://cdn.example.com/full.png")),
        created_at: Timestamp(1_795_314_720_000),
        updated_at: Timestamp(1_795_314_720_007),
        revision: 12,
        ..group(4, "Ypareo", "g-full", Some(1))
    }
}

pub(crate) fn group(id: i64, source: &str, key: &str, parent: Option<i64>) -> Group {
    let id_of = |number| GroupId::new(number).expect("an id");
    Group {
        id: id_of(id),
        references: vec![ExternalReference {
            source: Source::from_stored(source),
            key: ReferenceKey::from_stored(key),
        }],
        name: Name::from_stored(format!("Group {key}")),
        description: None,
        parent: parent.map(id_of),
        photo_url: None,
        details: None,
        archived_at: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        revision: 1,
    }
}
