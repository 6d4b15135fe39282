//! What is counted: the pure way of a batch of a thousand records. Reading it, planning it (both looks' questions
//! and the plan), and writing the answer, for both contracts; the records are new, stored as they are sent, or
//! stored with one name in a hundred changed. What is needed for that is made before counting begins.

#![expect(
    missing_docs,
    unused_qualifications,
    reason = "the macros make items without docs, and name them in full"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;

use directory::snapshot::Plain;
use directory::{
    Batch, FreeIds, Group, GroupId, LookupKey, Plan, PlanContext, Record, ReferenceKey, Snapshot, TenantId,
    Terms, Timestamp, Write, needs, needs_hierarchy, plan,
};
use faces::groups::{self, Handling, Mode};
use faces::usergroups::{self, By};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};

const RECORDS: usize = 1000;
/// Children of each group.
const FAN_OUT: usize = 10;

/// What becomes of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Records {
    New,
    Unchanged,
    /// One in a hundred has another name.
    Changed,
}

/// The contract by which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Groups,
    Usergroups,
}

/// A batch on its way.
struct Scene {
    face: Face,
    body: Vec<u8>,
    notes: Vec<groups::Note>,
    batch: Batch,
    seen: Snapshot,
    plan: Plan,
}

/// Keys are spread, so that neighbours in the tree are not neighbours in an index.
fn key(number: usize) -> String {
    format!("{:x}-{number}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40)
}

fn body(face: Face, changed: bool) -> Vec<u8> {
    let mut body = String::from(match face {
        Face::Groups => r#"{"groups":["#,
        Face::Usergroups => r#"{"usergroups":["#,
    });
    for number in 0..RECORDS {
        let comma = if number == 0 { "" } else { "," };
        let version = if changed && number % 100 == 0 { "new" } else { "old" };
        let (own, above) = (key(number), number.checked_sub(1).map(|number| key(number / FAN_OUT)));
        let name = format!("Secondary school, year {}, group {number} ({version})", number % 13);
        let written = match face {
            Face::Groups => {
                let above = above.map_or("null".to_owned(), |above| format!("\"{above}\""));
                let text = "Timetable, registers and mailing lists";
                write!(
                    body,
                    r#"{comma}{{"externalReferenceId":"{own}","externalReferenceType":"ERP","name":"{name}","description":"{text}","parentExternalReferenceId":{above}}}"#
                )
            }
            // A parent can be changed there, but not taken away.
            Face::Usergroups => {
                let parent = |above| format!(r#","parent":{{"sourceId":"{above}","source":"ERP"}}"#);
                let above = above.map(parent).unwrap_or_default();
                write!(
                    body,
                    r#"{comma}{{"sourceId":"{own}","source":"ERP","name":"{name}","language":"nl","company":"School"{above}}}"#
                )
            }
        };
        written.expect("a text can be written");
    }
    body.push_str("]}");
    body.into_bytes()
}

fn read(face: Face, body: &[u8]) -> (Vec<Record>, Vec<groups::Note>, Terms) {
    match face {
        Face::Groups => {
            let reading = groups::read(body, Handling::Lenient).expect("a good body");
            (reading.records, reading.notes, Terms::default())
        }
        Face::Usergroups => {
            let reading = usergroups::read_bulk(body, By::SourceId, Handling::Lenient).expect("a good body");
            (reading.records, Vec::new(), reading.terms)
        }
    }
}

fn batch(face: Face, body: &[u8]) -> (Batch, Vec<groups::Note>) {
    let (records, notes, terms) = read(face, body);
    (Batch::new(TenantId(1), records).expect("a batch of a legal size").under(terms), notes)
}

/// The groups that a plan creates, by the keys of their references.
fn stored(plan: &Plan) -> HashMap<ReferenceKey, Group> {
    let groups = plan.writes.iter().filter_map(|write| match write {
        Write::Create { id, references, content, .. } => Some(Group {
            id: *id,
            references: references.clone(),
            name: content.name.clone(),
            description: content.description.clone(),
            parent: content.parent,
            photo_url: content.photo_url.clone(),
            details: content.details.clone(),
            archived_at: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            revision: 1,
        }),
        _ => None,
    });
    groups.map(|group| (group.references[0].key.clone(), group)).collect()
}

/// What an engine would answer. Nothing moves in what is stored, so there is nothing to see of the tree.
fn see(stored: &HashMap<ReferenceKey, Group>, batch: &Batch) -> Snapshot {
    let next = i64::try_from(stored.len()).expect("a small number") + 1;
    let mut seen = Snapshot { free_ids: FreeIds(vec![(next, i64::from(u32::MAX))]), ..Snapshot::default() };
    seen.alike = vec![None; batch.records.len()];
    let mut needs = needs(batch);
    for plain in std::mem::take(&mut needs.plain) {
        match alike(stored, &plain) {
            Some(id) => seen.alike[plain.record] = Some(id),
            None => needs.plain.push(plain),
        }
    }
    for key in needs.in_full().keys {
        if let Some(group) = key.reference_key().and_then(|key| stored.get(key)) {
            seen.matches.insert(key, vec![group.id]);
            seen.groups.insert(group.id, group.clone());
        }
    }
    assert!(needs_hierarchy(batch, &seen).is_empty());
    seen
}

/// The group that is stored just as a record says.
fn alike(stored: &HashMap<ReferenceKey, Group>, plain: &Plain<'_>) -> Option<GroupId> {
    let group = stored.get(plain.reference_key)?;
    let above = plain.parent.and_then(LookupKey::reference_key).and_then(|key| stored.get(key));
    let is_alike = group.details.is_none()
        && group.name == *plain.name
        && group.description.as_ref() == plain.description
        && group.parent == above.map(|above| above.id);
    is_alike.then_some(group.id)
}

fn decide(batch: &Batch, seen: &Snapshot) -> Plan {
    let mut ids = seen.free_ids.source(batch);
    plan(batch, seen, &mut PlanContext { ids: &mut ids, depth_limit: directory::DEPTH_LIMIT })
}

fn write(scene: &Scene) -> groups::Reply {
    let outcome = &scene.plan.outcome;
    match scene.face {
        Face::Groups => groups::write(&scene.notes, &scene.batch, outcome, Mode::Apply),
        Face::Usergroups => usergroups::write_bulk(&scene.batch, outcome, By::SourceId, Mode::Apply),
    }
}

fn scene(face: Face, records: Records) -> Scene {
    let mut groups = HashMap::new();
    if records != Records::New {
        let (first, _) = batch(face, &body(face, false));
        groups = stored(&decide(&first, &see(&groups, &first)));
    }
    let body = body(face, records == Records::Changed);
    let (batch, notes) = batch(face, &body);
    let seen = see(&groups, &batch);
    let plan = decide(&batch, &seen);
    let written = [RECORDS, 0, RECORDS / 100][records as usize];
    assert_eq!(plan.writes.len(), written, "what is counted is what is said");
    Scene { face, body, notes, batch, seen, plan }
}

// What a function gets it gives back, so that taking it apart is not counted.

#[library_benchmark(setup = scene)]
#[bench::groups_new(Face::Groups, Records::New)]
#[bench::groups_unchanged(Face::Groups, Records::Unchanged)]
#[bench::groups_changed(Face::Groups, Records::Changed)]
#[bench::usergroups_new(Face::Usergroups, Records::New)]
#[bench::usergroups_unchanged(Face::Usergroups, Records::Unchanged)]
#[bench::usergroups_changed(Face::Usergroups, Records::Changed)]
fn face_read(scene: Scene) -> impl Sized {
    (black_box(read(scene.face, black_box(&scene.body))), scene)
}

#[library_benchmark(setup = scene)]
#[bench::groups_new(Face::Groups, Records::New)]
#[bench::groups_unchanged(Face::Groups, Records::Unchanged)]
#[bench::groups_changed(Face::Groups, Records::Changed)]
#[bench::usergroups_new(Face::Usergroups, Records::New)]
#[bench::usergroups_unchanged(Face::Usergroups, Records::Unchanged)]
#[bench::usergroups_changed(Face::Usergroups, Records::Changed)]
fn planned(scene: Scene) -> impl Sized {
    // What is asked borrows the batch: taking it apart is counted too.
    drop(black_box(needs(black_box(&scene.batch))));
    let around = black_box(needs_hierarchy(&scene.batch, black_box(&scene.seen)));
    let plan = black_box(decide(&scene.batch, &scene.seen));
    (around, plan, scene)
}

#[library_benchmark(setup = scene)]
#[bench::groups_new(Face::Groups, Records::New)]
#[bench::groups_unchanged(Face::Groups, Records::Unchanged)]
#[bench::groups_changed(Face::Groups, Records::Changed)]
#[bench::usergroups_new(Face::Usergroups, Records::New)]
#[bench::usergroups_unchanged(Face::Usergroups, Records::Unchanged)]
#[bench::usergroups_changed(Face::Usergroups, Records::Changed)]
fn face_write(scene: Scene) -> impl Sized {
    (black_box(write(black_box(&scene))), scene)
}

library_benchmark_group!(name = batch_of_1000, benchmarks = [face_read, planned, face_write]);

main!(
    // What the processor can do beyond the least decides which copies of memory the C library takes.
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]))
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-ERMS,-FSRM,-SSE4_2,-SSSE3"),
    library_benchmark_groups = batch_of_1000
);
