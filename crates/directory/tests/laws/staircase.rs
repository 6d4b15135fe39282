//! The staircase: a record with every fault, repaired one at a time. After each repair the next code in
//! the order of precedence appears, and no code is left out.

use std::collections::HashSet;

use directory::*;

use crate::world::{TENANT, World};

const DEPTH_LIMIT: usize = 3;

/// `archived` > `gone` > `deeper`, all archived, two groups with the key `twice`, and the chain `a` > `b` > `c` as deep as allowed.
fn world() -> World {
    let mut world = World::default();
    let archived = world.add(&[("", "archived")], None);
    world.archive(archived);
    world.add(&[("A", "twice")], None);
    world.add(&[("B", "twice")], None);
    world.add(&[("", "orphan")], Some(archived));
    let a = world.add(&[("", "a")], None);
    let b = world.add(&[("", "b")], Some(a));
    world.add(&[("", "c")], Some(b));
    let gone = world.add(&[("", "gone")], Some(archived));
    world.archive(gone);
    let deeper = world.add(&[("", "deeper")], Some(gone));
    world.archive(deeper);
    world
}

fn directive(key: &str, parent: Option<&str>) -> Directive {
    let parent = parent.map_or(Patch::Keep, |parent| Patch::Set(ParentKey::Key(World::key(parent))));
    Directive { name: Some(Name::from_stored("n")), parent, ..Directive::new(World::key(key)) }
}

/// The codes that the first record is told when it is sent together with the others.
fn codes(first: Record, others: Vec<Directive>) -> Vec<&'static str> {
    codes_of(Intent::Upsert, None, first, others)
}

fn codes_of(
    intent: Intent,
    expected: Option<Expected>,
    first: Record,
    others: Vec<Directive>,
) -> Vec<&'static str> {
    let records = std::iter::once(first).chain(others.into_iter().map(Ok)).collect();
    let batch = Batch::new(TENANT, records).expect("a small batch").intending(intent).expecting(expected);
    let plan = world().plan(&batch, DEPTH_LIMIT);
    match &plan.outcome.records[0].result {
        RecordResult::Failed(failures) => failures.iter().map(|failure| failure.code().as_str()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn each_repair_shows_the_next_code() {
    let bad_name = || Failure::Validation {
        field: Some(Field::Description),
        fault: Fault::TooLong { length: 300, limit: 255 },
    };
    let rejected = |key: &str, lacks_name| {
        Err(Rejection { key: Some(World::key(key)), lacks_name, failures: vec![bad_name()] })
    };
    let duplicate = |key: &str| vec![directive(key, Some("nowhere"))];
    let steps: Vec<(Record, Vec<Directive>)> = vec![
        (rejected("new", true), duplicate("new")),
        (rejected("new", false), duplicate("new")),
        (Ok(directive("twice", Some("twice"))), duplicate("twice")),
        (Ok(directive("twice", Some("twice"))), vec![]),
        (Ok(directive("archived", Some("archived"))), vec![]),
        (Ok(directive("new", Some("new"))), vec![]),
        (Ok(directive("new", Some("nowhere"))), vec![]),
        (Ok(directive("new", Some("archived"))), vec![]),
        (Ok(directive("new", Some("failing"))), vec![directive("failing", Some("nowhere"))]),
        (Ok(directive("a", Some("fine"))), vec![directive("fine", Some("c"))]),
        (Ok(directive("new", Some("fine"))), vec![directive("fine", Some("c"))]),
        (Ok(directive("new", Some("b"))), vec![]),
    ];
    let shown: Vec<&str> = steps
        .into_iter()
        .map(|(first, others)| codes(first, others).first().copied().unwrap_or(""))
        .collect();
    let of_upserts = Code::ALL.iter().filter(|code| !OF_OTHER_INTENTS.contains(code));
    let expected: Vec<&str> = of_upserts.map(|code| code.as_str()).chain([""]).collect();
    assert_eq!(shown, expected);
}

/// Codes that an unconditional upsert never sees.
const OF_OTHER_INTENTS: [Code; 5] = [
    Code::GroupNotFound,
    Code::PreconditionFailed,
    Code::AddressNotFound,
    Code::ReferenceTaken,
    Code::GroupHasChildren,
];

/// Intent, condition, first record, keys of the others, main code.
type Step<'s> = (Intent, Option<Expected>, Record, Vec<&'s str>, &'s str);

/// The staircase of the other intents: each line repairs one more fault.
#[test]
fn each_repair_shows_the_next_code_of_every_intent() {
    let at = |id: i64, revision| Some(Expected::At(vec![(GroupId::new(id).expect("small"), revision)]));
    let plain = |key: &str| Directive::new(World::key(key));
    let rejected = |key: &str| {
        let fault = Failure::Validation { field: Some(Field::Key), fault: Fault::Blank };
        Err(Rejection { key: Some(World::key(key)), lacks_name: true, failures: vec![fault] })
    };
    let never = at(99, 0);
    let archive = Intent::Archive(Reach::Itself);
    let steps: Vec<Step<'_>> = vec![
        (Intent::Update, never.clone(), rejected("new"), vec!["new"], "VALIDATION_ERROR"),
        (
            Intent::Update,
            never.clone(),
            Ok(directive("twice", Some("twice"))),
            vec!["twice"],
            "DUPLICATE_IN_REQUEST",
        ),
        (
            Intent::Update,
            never.clone(),
            Ok(directive("twice", Some("twice"))),
            vec![],
            "AMBIGUOUS_GROUP_IDENTIFIER",
        ),
        (Intent::Update, never.clone(), Ok(directive("new", Some("new"))), vec![], "GROUP_NOT_FOUND"),
        (
            Intent::Update,
            never.clone(),
            Ok(directive("archived", Some("nowhere"))),
            vec![],
            "ARCHIVED_GROUP_EXISTS",
        ),
        (Intent::Update, never.clone(), Ok(directive("a", Some("a"))), vec![], "PRECONDITION_FAILED"),
        (Intent::Update, at(5, 1), Ok(directive("a", Some("a"))), vec![], "PRECONDITION_FAILED"),
        (Intent::Update, at(5, 0), Ok(directive("a", Some("a"))), vec![], "PARENT_IS_SELF"),
        (Intent::Update, Some(Expected::Stored), Ok(plain("a")), vec![], ""),
        (Intent::Upsert, Some(Expected::Absent), Ok(directive("a", None)), vec![], "PRECONDITION_FAILED"),
        (Intent::Upsert, Some(Expected::Absent), Ok(directive("new", None)), vec![], ""),
        (Intent::Upsert, Some(Expected::Stored), Ok(directive("new", None)), vec![], "PRECONDITION_FAILED"),
        (Intent::Update, never.clone(), Ok(deleting(plain("a"))), vec![], "PRECONDITION_FAILED"),
        (Intent::Update, at(5, 0), Ok(deleting(claiming(5, "A", "twice"))), vec![], "ADDRESS_NOT_FOUND"),
        (Intent::Update, at(5, 0), Ok(claiming(5, "A", "twice")), vec![], "CONFLICT"),
        (Intent::Update, at(5, 0), Ok(claiming(5, "", "b")), vec![], "CONFLICT"),
        (Intent::Update, at(5, 0), Ok(claiming(5, "", "a")), vec![], ""),
        (Intent::Update, at(5, 0), Ok(claiming(5, "C", "twice")), vec![], ""),
        (archive, never.clone(), rejected("new"), vec!["new"], "VALIDATION_ERROR"),
        (archive, never.clone(), Ok(plain("twice")), vec!["twice"], "DUPLICATE_IN_REQUEST"),
        (archive, never.clone(), Ok(plain("twice")), vec![], "AMBIGUOUS_GROUP_IDENTIFIER"),
        (archive, never.clone(), Ok(plain("new")), vec![], "GROUP_NOT_FOUND"),
        (archive, never.clone(), Ok(plain("b")), vec![], "PRECONDITION_FAILED"),
        (archive, None, Ok(plain("b")), vec![], "GROUP_HAS_CHILDREN"),
        (archive, None, Ok(plain("b")), vec!["c"], ""),
        (archive, None, Ok(plain("archived")), vec![], ""),
        (Intent::Archive(Reach::Subtree), None, Ok(plain("a")), vec![], ""),
        (Intent::Restore, never.clone(), Ok(plain("new")), vec![], "GROUP_NOT_FOUND"),
        (Intent::Restore, never, Ok(plain("gone")), vec![], "PRECONDITION_FAILED"),
        (Intent::Restore, None, Ok(plain("gone")), vec![], "ARCHIVED_PARENT_GROUP"),
        (Intent::Restore, None, Ok(plain("gone")), vec!["archived", "archived"], "PARENT_FAILED_IN_REQUEST"),
        (Intent::Restore, None, Ok(plain("gone")), vec!["archived"], ""),
        (Intent::Restore, None, Ok(plain("a")), vec![], ""),
    ];
    let mut shown = HashSet::new();
    for (intent, expected, first, others, code) in steps {
        let others = others.into_iter().map(plain).collect();
        let told = codes_of(intent, expected, first.clone(), others);
        assert_eq!(told.first().copied().unwrap_or(""), code, "{intent:?} {first:?}");
        shown.extend(told);
    }
    assert!(OF_OTHER_INTENTS.iter().all(|code| shown.contains(code.as_str())));
}

/// A record for the group of this id that adds a reference to it.
fn claiming(id: i64, source: &str, key: &str) -> Directive {
    let reference =
        ExternalReference { source: Source::from_stored(source), key: ReferenceKey::from_stored(key) };
    let key = LookupKey::Id(GroupId::new(id).expect("small"));
    Directive { references: vec![reference], ..Directive::new(key) }
}

/// The same, taking away an address that no group has.
fn deleting(directive: Directive) -> Directive {
    let entry = AddressDirective::Delete(AddressId::new(9).expect("small"));
    Directive { addresses: vec![entry], ..directive }
}

/// What archiving and restoring many at once comes to: rules §4 and §5, one rule a line.
#[test]
fn the_rules_of_archiving() {
    let check = |intent: Intent, keys: &[&str], expected: &[&str]| {
        let records = keys.iter().map(|key| Ok(Directive::new(World::key(key)))).collect();
        let batch = Batch::new(TENANT, records).expect("a small batch").intending(intent);
        let plan = world().plan(&batch, DEPTH_LIMIT);
        let told = plan.outcome.records.iter().map(|outcome| match &outcome.result {
            RecordResult::Failed(failures) => failures[0].code().as_str().to_owned(),
            RecordResult::Archived { descendants, .. } => format!("archived +{descendants}"),
            RecordResult::Restored { .. } => "restored".to_owned(),
            _ => "unchanged".to_owned(),
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{batch:?}");
    };
    let alone = Intent::Archive(Reach::Itself);
    let subtree = Intent::Archive(Reach::Subtree);
    // Parents and children in any order.
    check(alone, &["a", "b", "c"], &["archived +0", "archived +0", "archived +0"]);
    check(alone, &["c", "a", "b"], &["archived +0", "archived +0", "archived +0"]);
    // A child that stays keeps everything above it.
    check(alone, &["a", "b"], &["GROUP_HAS_CHILDREN", "GROUP_HAS_CHILDREN"]);
    check(alone, &["a", "c"], &["GROUP_HAS_CHILDREN", "archived +0"]);
    // Also one that stays because its own record fails.
    check(
        alone,
        &["a", "b", "c", "c"],
        &["GROUP_HAS_CHILDREN", "GROUP_HAS_CHILDREN", "DUPLICATE_IN_REQUEST", "DUPLICATE_IN_REQUEST"],
    );
    // Archived children keep nobody; what is archived stays so.
    check(alone, &["archived", "orphan"], &["unchanged", "archived +0"]);
    // A subtree goes as a whole, each group counted once.
    check(subtree, &["a"], &["archived +2"]);
    check(subtree, &["c", "a"], &["archived +0", "archived +1"]);
    check(subtree, &["a", "b"], &["archived +0", "archived +1"]);
    check(subtree, &["a", "c", "c"], &["archived +2", "DUPLICATE_IN_REQUEST", "DUPLICATE_IN_REQUEST"]);
    // Restoring goes from the top, in any order.
    check(Intent::Restore, &["gone", "archived"], &["restored", "restored"]);
    check(Intent::Restore, &["gone", "a"], &["ARCHIVED_PARENT_GROUP", "unchanged"]);
    check(Intent::Restore, &["deeper", "gone"], &["PARENT_FAILED_IN_REQUEST", "ARCHIVED_PARENT_GROUP"]);
    check(Intent::Restore, &["gone", "nowhere", "archived"], &["restored", "GROUP_NOT_FOUND", "restored"]);
}

#[test]
fn all_faults_of_the_record_itself_are_reported_together() {
    let record = Err(Rejection {
        key: Some(World::key("new")),
        lacks_name: true,
        failures: vec![
            Failure::Validation {
                field: Some(Field::Description),
                fault: Fault::TooLong { length: 300, limit: 255 },
            },
            Failure::Validation { field: Some(Field::PhotoUrl), fault: Fault::UrlScheme },
        ],
    });
    assert_eq!(codes(record, vec![]), ["REQUIRED_FIELD_MISSING", "VALIDATION_ERROR", "VALIDATION_ERROR"]);
}

/// Each record with what the others do to it: rules §4, one rule a line.
#[test]
fn the_rules_of_the_tree() {
    let check = |records: &[(&str, Option<&str>)], expected: &[&str]| {
        let records: Vec<Record> = records
            .iter()
            .map(|(key, parent)| {
                Ok(match parent {
                    Some("") => Directive { parent: Patch::Clear, ..directive(key, None) },
                    parent => directive(key, *parent),
                })
            })
            .collect();
        let batch = Batch::new(TENANT, records).expect("a small batch");
        let plan = world().plan(&batch, DEPTH_LIMIT);
        let told: Vec<&str> = plan
            .outcome
            .records
            .iter()
            .map(|outcome| match &outcome.result {
                RecordResult::Failed(failures) => failures[0].code().as_str(),
                RecordResult::Created { .. } => "created",
                RecordResult::Updated { .. } => "updated",
                _ => "unchanged",
            })
            .collect();
        assert_eq!(told, expected, "{batch:?}");
    };
    // The parent may come later, and from any record.
    check(&[("x", Some("y")), ("y", Some("z")), ("z", None)], &["created", "created", "created"]);
    // A swap of parent and child that ends without a cycle.
    check(&[("a", Some("b")), ("b", Some(""))], &["updated", "updated"]);
    // Cycles: of two new ones, of a stored one below its own grandchild, of three.
    check(
        &[("x", Some("y")), ("y", Some("x")), ("ok", None)],
        &["HIERARCHY_CYCLE", "HIERARCHY_CYCLE", "created"],
    );
    check(&[("a", Some("c"))], &["HIERARCHY_CYCLE"]);
    check(
        &[("x", Some("y")), ("y", Some("z")), ("z", Some("x")), ("w", Some("x"))],
        &["HIERARCHY_CYCLE", "HIERARCHY_CYCLE", "HIERARCHY_CYCLE", "PARENT_FAILED_IN_REQUEST"],
    );
    // Only records whose own parent change lies on the cycle fail.
    check(&[("a", Some("c")), ("b", None)], &["HIERARCHY_CYCLE", "updated"]);
    // Taking back one move can make another one fail.
    check(&[("b", Some("nowhere")), ("a", Some("b"))], &["PARENT_GROUP_NOT_FOUND", "HIERARCHY_CYCLE"]);
    // The child of a failing record stands if the parent is stored anyway.
    check(&[("b", Some("nowhere")), ("x", Some("b"))], &["PARENT_GROUP_NOT_FOUND", "created"]);
    // Depth: own place, and what moves along.
    check(&[("x", Some("c"))], &["HIERARCHY_TOO_DEEP"]);
    check(&[("top", None), ("a", Some("top"))], &["created", "HIERARCHY_TOO_DEEP"]);
    // What moves away in the same batch does not count.
    check(&[("top", None), ("a", Some("top")), ("c", Some(""))], &["created", "updated", "updated"]);
    // Unless it comes back because its own record fails.
    check(
        &[("top", None), ("a", Some("top")), ("c", Some("nowhere"))],
        &["created", "HIERARCHY_TOO_DEEP", "PARENT_GROUP_NOT_FOUND"],
    );
    // A parent that is stored already is no parent change, also when it has been archived since.
    check(&[("orphan", Some("archived")), ("x", Some("archived"))], &["updated", "ARCHIVED_PARENT_GROUP"]);
    check(&[("c", Some("b")), ("c2", Some("b"))], &["updated", "created"]);
}

#[test]
fn a_chain_that_is_too_long_fails_from_the_first_level_that_is() {
    let records = (0..1000).rev().map(|level| {
        let parent = (level > 0).then(|| format!("n{}", level - 1));
        Ok(directive(&format!("n{level}"), parent.as_deref()))
    });
    let batch = Batch::new(TENANT, records.collect()).expect("1000 records");
    let plan = World::default().plan(&batch, directory::DEPTH_LIMIT);
    for (index, outcome) in plan.outcome.records.iter().enumerate() {
        let level = 1000 - index;
        match &outcome.result {
            RecordResult::Created { .. } => {
                assert!(level <= directory::DEPTH_LIMIT, "level {level} was created");
            }
            RecordResult::Failed(failures) => {
                assert_eq!(
                    failures[..],
                    [Failure::HierarchyTooDeep { level, limit: directory::DEPTH_LIMIT }]
                );
            }
            other => panic!("level {level}: {other:?}"),
        }
    }
}

/// Two records of one key stand for one group, in whatever order they come: both fail, and what lies below it does.
#[test]
fn a_parent_that_is_named_twice_may_be_brought_twice() {
    let reference =
        ExternalReference { source: Source::from_stored("B"), key: ReferenceKey::from_stored("k0") };
    let known = LookupKey::Reference(reference.clone());
    let child = Directive { parent_too: Some(known), ..directive("child", Some("parent")) };
    let one = Directive { references: vec![reference], ..directive("parent", None) };
    let other = directive("parent", None);
    for others in [vec![one.clone(), other.clone()], vec![other, one]] {
        assert_eq!(codes(Ok(child.clone()), others), [Code::ParentFailedInRequest.as_str()]);
    }
}
