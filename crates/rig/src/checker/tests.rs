//! Histories that are made up: a right one passes, and each damage to it is counted as what it is.

use serde_json::Value;

use super::Checker;
use crate::history::{Fate, Found, Operation, Reply, Run, Shown, Summary};
use crate::oracle::Oracle;
use crate::workload::{Asked, Call, Read, Write};
use crate::{Random, Tally};

/// A server that is right, of one client that is answered at once.
struct Pretended {
    oracle: Oracle,
    operations: Vec<Operation>,
    runs: Vec<Run>,
    moment: u64,
}

impl Pretended {
    fn new() -> Self {
        Self { oracle: Oracle::new(), operations: Vec::new(), runs: Vec::new(), moment: 0 }
    }

    fn moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// A batch of groups with these keys and this name, done at once.
    fn upsert(&mut self, keys: &[&str], name: &str, idempotency_key: Option<&str>) -> &mut Operation {
        let record = |key: &&str| serde_json::json!({"externalReferenceId": key, "name": name});
        let body = serde_json::json!({"groups": keys.iter().map(record).collect::<Vec<_>>()}).to_string();
        let write = Write { call: Call::Upsert, body, key: idempotency_key.map(ToOwned::to_owned) };
        let began = self.moment();
        let planned = self.oracle.plan(&write);
        if planned.writes() {
            self.oracle.apply(&planned);
        }
        let (id, count) = (format!("run {}", self.runs.len()), u32::try_from(keys.len()).unwrap());
        let updated = if planned.writes() { count } else { 0 };
        self.runs.push(Run {
            id: id.clone(),
            idempotency_key: write.key.clone(),
            operation: write.call.operation().to_owned(),
            revision: self.oracle.revision(),
            summary: Summary { total: count, created: 0, updated, archived: 0, restored: 0 },
        });
        let reply = Reply { status: 200, body: planned.answer, run: Some(id), is_replay: false };
        let ended = self.moment();
        self.operations.push(Operation {
            asked: Asked::Write(write),
            began,
            ended,
            fate: Fate::Answered(reply),
        });
        self.operations.last_mut().unwrap()
    }

    fn read(&mut self, read: Read) -> &mut Operation {
        let Shown { status, body } = self.oracle.show(&read);
        let body = if let Read::Everything = read { format!("{{\"groups\":{body}}}") } else { body };
        let reply = Reply { status, body, run: None, is_replay: false };
        let (began, ended) = (self.moment(), self.moment());
        self.operations.push(Operation {
            asked: Asked::Read(read),
            began,
            ended,
            fate: Fate::Answered(reply),
        });
        self.operations.last_mut().unwrap()
    }

    fn found(&self) -> Found {
        let groups = self.oracle.groups();
        let questions = Found::questions(&groups);
        assert!(questions.len() >= 3 * groups.len(), "every group is asked about");
        let shown = questions.into_iter().map(|read| {
            let shown = self.oracle.show(&read);
            (read, shown)
        });
        Found { runs: self.runs.clone(), shown: shown.collect(), groups }
    }
}

/// Three batches, one that changes nothing, and reads between them.
fn history() -> Pretended {
    let mut pretended = Pretended::new();
    pretended.upsert(&["a", "b", "c"], "one", Some("first"));
    pretended.read(Read::Reference("a".to_owned()));
    pretended.upsert(&["a", "b"], "two", None);
    pretended.read(Read::Everything);
    pretended.upsert(&["a", "b"], "two", None);
    pretended.upsert(&["c", "d"], "three", Some("last"));
    pretended.read(Read::Usergroup(1));
    pretended
}

/// What the checker counts: lost, half applied, wrong.
#[track_caller]
fn check(pretended: &Pretended, found: &Found, expected: [u64; 3]) -> Tally {
    let tally = Checker::new().settle(&pretended.operations, found);
    assert_eq!([tally.lost, tally.half_applied, tally.wrong], expected, "{:#?}", tally.notes);
    tally
}

/// A history with a change to what was asked and answered.
#[track_caller]
fn told(change: impl FnOnce(&mut Vec<Operation>), expected: [u64; 3]) -> Tally {
    let mut pretended = history();
    change(&mut pretended.operations);
    let found = pretended.found();
    check(&pretended, &found, expected)
}

/// A history with a change to what is found in the end.
#[track_caller]
fn stored(change: impl FnOnce(&mut Found), expected: [u64; 3]) -> Tally {
    let pretended = history();
    let mut found = pretended.found();
    change(&mut found);
    check(&pretended, &found, expected)
}

fn silence(operation: &mut Operation) {
    operation.fate = Fate::Silent("no answer".to_owned());
}

fn reply(operation: &mut Operation) -> &mut Reply {
    let Fate::Answered(reply) = &mut operation.fate else { panic!("it is answered") };
    reply
}

#[test]
fn what_is_right_passes() {
    let tally = told(|_| {}, [0; 3]);
    assert_eq!((tally.cycles, tally.acknowledged, tally.reads), (1, 4, 3));
}

#[test]
fn the_last_batch_is_lost() {
    // As a power cut leaves it: neither run nor groups of it are there.
    let pretended = history();
    let mut before = Pretended::new();
    before.upsert(&["a", "b", "c"], "one", Some("first"));
    before.upsert(&["a", "b"], "two", None);
    check(&pretended, &Found { runs: pretended.runs[..2].to_vec(), ..before.found() }, [1, 0, 0]);
}

#[test]
fn a_batch_without_a_key_is_lost() {
    let mut pretended = history();
    pretended.operations.truncate(3);
    let mut before = Pretended::new();
    before.upsert(&["a", "b", "c"], "one", Some("first"));
    check(&pretended, &before.found(), [1, 0, 0]);
}

#[test]
fn every_group_is_compared() {
    // Each of them in turn, not only the last one.
    for index in 0..4 {
        stored(|found| found.groups[index]["name"] = "other".into(), [0, 0, 1]);
        stored(|found| drop(found.groups.remove(index)), [0, 1, 0]);
    }
    stored(
        |found| {
            let mut more = found.groups[0].clone();
            more["id"] = "77".into();
            found.groups.push(more);
        },
        [0, 1, 0],
    );
    stored(|found| found.groups[0]["archivedAt"] = "2026-01-01T00:00:00Z".into(), [0, 0, 1]);
}

#[test]
fn half_of_a_batch_is_there() {
    // The first record of the last batch is as it was before it.
    let mut before = Pretended::new();
    before.upsert(&["a", "b", "c"], "one", Some("first"));
    let old: Value = before.oracle.groups()[2].clone();
    stored(|found| found.groups[2] = old, [0, 1, 0]);
    // Its groups are there, and its run is not.
    let tally = stored(|found| drop(found.runs.pop()), [1, 1, 0]);
    assert_eq!(tally.acknowledged, 4);
    // A run in the middle is not there: what comes behind it cannot be judged.
    stored(|found| drop(found.runs.remove(1)), [0, 1, 0]);
}

#[test]
fn what_was_not_answered_is_there_or_not() {
    for index in [0, 2, 5] {
        let tally = told(|operations| silence(&mut operations[index]), [0; 3]);
        assert_eq!((tally.acknowledged, tally.silent, tally.silent_done), (3, 0, 1));
    }
    let mut pretended = history();
    let absent = |key: Option<&str>| {
        let body = r#"{"groups":[{"externalReferenceId":"z","name":"z"}]}"#.to_owned();
        let write = Write { call: Call::Upsert, body, key: key.map(ToOwned::to_owned) };
        let fate = Fate::Silent("no answer".to_owned());
        Operation { asked: Asked::Write(write), began: 3, ended: 99, fate }
    };
    pretended.operations.extend([absent(None), absent(Some("z"))]);
    let found = pretended.found();
    let tally = check(&pretended, &found, [0; 3]);
    assert_eq!((tally.silent, tally.silent_done), (2, 0));
}

#[test]
fn two_that_were_not_answered_are_told_apart() {
    // Either may have made either revision, as far as their runs say.
    let mut pretended = Pretended::new();
    pretended.upsert(&["a", "b"], "one", None);
    pretended.upsert(&["a", "b"], "two", None);
    for operation in &mut pretended.operations {
        silence(operation);
        (operation.began, operation.ended) = (1, 9);
    }
    pretended.operations.reverse();
    let found = pretended.found();
    let tally = check(&pretended, &found, [0; 3]);
    assert_eq!(tally.silent_done, 2);
}

#[test]
fn answers_are_compared() {
    for index in [0, 2, 5] {
        told(|operations| reply(&mut operations[index]).body.push(' '), [0, 0, 1]);
    }
    for index in [1, 3, 6] {
        told(|operations| reply(&mut operations[index]).body = "[]".to_owned(), [0, 0, 1]);
        told(|operations| reply(&mut operations[index]).status = 404, [0, 0, 1]);
    }
    // One that changed nothing has a run or has none, and is right either way or not.
    told(|operations| reply(&mut operations[4]).body.push(' '), [0, 0, 1]);
    stored(|found| drop(found.runs.remove(2)), [0; 3]);
}

#[test]
fn a_read_that_is_late_is_found() {
    // It shows the first state after the second was acknowledged.
    told(
        |operations| {
            let shown = operations[1].fate.clone();
            let asked = operations[1].asked.clone();
            let last = operations.last_mut().unwrap();
            (last.asked, last.fate) = (asked, shown);
        },
        [0, 0, 1],
    );
    // One that began earlier may show it.
    told(
        |operations| {
            let (fate, asked) = (operations[1].fate.clone(), operations[1].asked.clone());
            let last = operations.last_mut().unwrap();
            (last.asked, last.fate, last.began) = (asked, fate, 3);
        },
        [0; 3],
    );
}

#[test]
fn the_order_is_one_that_clients_could_see() {
    told(
        |operations| {
            // The second batch is sent after the last one was answered, and has the earlier revision.
            (operations[2].began, operations[2].ended) = (100, 101);
            // Two reads that were between them show nothing that ever was.
            (operations[3].began, operations[3].ended) = (1, 99);
        },
        [0, 0, 3],
    );
}

#[test]
fn a_key_does_one_thing_once() {
    let again = |change: fn(&mut Reply)| {
        move |operations: &mut Vec<Operation>| {
            let mut repeated = operations[0].clone();
            reply(&mut repeated).is_replay = true;
            change(reply(&mut repeated));
            (repeated.began, repeated.ended) = (50, 51);
            operations.push(repeated);
        }
    };
    told(again(|_| {}), [0; 3]);
    told(again(|reply| reply.body.push(' ')), [0, 0, 1]);
    told(again(|reply| reply.is_replay = false), [0, 0, 1]);
    told(again(|reply| reply.run = Some("another".to_owned())), [0, 0, 1]);
    // The same in a later history.
    let pretended = history();
    let (mut checker, found) = (Checker::new(), pretended.found());
    assert!(checker.settle(&pretended.operations, &found).is_clean());
    for (change, wrong) in [((|_| {}) as fn(&mut Reply), 0), (|reply| reply.body.push(' '), 1)] {
        let mut operations = pretended.operations.clone();
        again(change)(&mut operations);
        let tally = checker.settle(&operations[operations.len() - 1..], &found);
        assert_eq!(tally.wrong, wrong, "{:#?}", tally.notes);
    }
}

#[test]
fn what_was_refused_is_not_done() {
    told(|operations| operations[5].fate = Fate::Refused("503 UNAVAILABLE".to_owned()), [0, 0, 1]);
    told(|operations| operations[3].fate = Fate::Strange("500 INTERNAL".to_owned()), [0, 0, 1]);
}

#[test]
fn a_part_of_a_request_does_nothing() {
    let cut = |operation: &mut Operation| operation.fate = Fate::Fragment("Body, Reset".to_owned());
    told(|operations| cut(&mut operations[0]), [0, 0, 1]);
    // Sent again whole, it is done then; it would be told of an earlier answer had the part been done.
    for (is_replay, wrong) in [(false, 0), (true, 1)] {
        let again = |operations: &mut Vec<Operation>| {
            operations.insert(0, operations[0].clone());
            cut(&mut operations[0]);
            reply(&mut operations[1]).is_replay = is_replay;
        };
        told(again, [0, 0, wrong]);
    }
}

#[test]
fn a_run_that_nobody_asked_for_is_found() {
    told(|operations| drop(operations.remove(2)), [0, 0, 1]);
    told(|operations| drop(operations.remove(5)), [0, 0, 1]);
}

/// Whatever single thing is changed in any answer to a write, it is found.
#[test]
fn no_damage_is_overlooked() {
    let mut random = Random::new();
    for _ in 0..200 {
        let mut pretended = history();
        let index = random.one_of(&[0, 2, 4, 5]);
        let body = &mut reply(&mut pretended.operations[index]).body;
        let mut bytes = body.clone().into_bytes();
        let at = random.below(bytes.len());
        bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
        *body = String::from_utf8(bytes).unwrap();
        let found = pretended.found();
        assert!(!Checker::new().settle(&pretended.operations, &found).is_clean());
    }
}
