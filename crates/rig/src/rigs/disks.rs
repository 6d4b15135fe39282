//! The disk refuses.

use std::fs;
use std::thread::sleep;
use std::time::Instant;

use anyhow::bail;
use rig::history::{Fate, Operation};
use rig::load::Until;
use rig::workload::Asked;
use rustix::process::{Resource, Rlimit, prlimit};

use super::crashes::CALLS;
use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::{Beside, Place};
use crate::server::{LOOK_AGAIN, PATIENCE};
use crate::volume::{Small, compile, obstacle};

/// F-07: from one moment on nothing can be synced. From the first write that fails, none is acknowledged before a
/// restart; after it, what failed is there wholly or not at all.
pub(crate) fn fsync(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let mut stage = Stage::new(setting)?;
    let shim = compile(stage.home.path(), "calls.so", CALLS, &["-shared", "-fPIC"])?;
    let flag = stage.home.path().join("fail");
    let armed = flag.clone();
    stage.adjust = Box::new(move |start| {
        start.environment =
            vec![("LD_PRELOAD", shim.clone().into_os_string()), ("RIG_FAIL", armed.clone().into_os_string())];
    });
    for _ in 0..setting.rounds {
        let (scene, random) = stage.open()?;
        let (history, ()) = scene.under_load(Until::Over, |beside| {
            beside.any_moment(random)?;
            let armed = beside.course.moment();
            fs::write(&flag, "")?;
            // Long enough for a server that tries again to be found out.
            while beside.course.moment() < armed + 400 {
                sleep(LOOK_AGAIN);
            }
            Ok(())
        })?;
        let said = refusals(&history);
        // The first one that fails may be that of the checkpointer, with no commit whose outcome would be unknown.
        if said.is_empty() {
            report.tally.wrong("nothing was refused, although fsync failed".to_owned());
        }
        report.remark(format!("refused with {}", said.join(", ")));
        no_acknowledgement_after_a_failure(&history, report);
        // The disk works again; the server may not think so before a restart.
        fs::remove_file(&flag)?;
        let began = scene.course.moment();
        let (mut more, ()) = scene.under_load(Until::Sent(10), |_| Ok(()))?;
        for operation in more.iter().filter(|operation| is_done_now(operation)) {
            report.tally.wrong(format!("acknowledged before a restart, at {}", operation.began - began));
        }
        more.splice(0..0, history);
        scene.servers.pop().map(crate::server::Server::kill).transpose()?;
        scene.restart()?;
        stage.settle(&more, report);
    }
    Ok(())
}

/// Whether a write was acknowledged that was not acknowledged before: an answer that is kept since before the failure
/// may be told again.
fn is_done_now(operation: &Operation) -> bool {
    matches!((&operation.asked, &operation.fate), (Asked::Write(_), Fate::Answered(reply)) if !reply.is_replay)
}

/// What was said to those who were not answered.
fn refusals(history: &[Operation]) -> Vec<String> {
    let mut said: Vec<String> = history
        .iter()
        .filter_map(|operation| match &operation.fate {
            Fate::Refused(said) | Fate::Silent(said) => Some(said.clone()),
            Fate::Answered(_) | Fate::Fragment(_) | Fate::Strange(_) => None,
        })
        .collect();
    said.sort();
    said.dedup();
    said
}

fn no_acknowledgement_after_a_failure(history: &[Operation], report: &mut Report) {
    let failed = |operation: &&Operation| match &operation.fate {
        Fate::Silent(_) => true,
        Fate::Refused(said) => said.contains("UNAVAILABLE"),
        Fate::Answered(_) | Fate::Fragment(_) | Fate::Strange(_) => false,
    };
    let Some(first) = history.iter().filter(failed).map(|operation| operation.ended).min() else { return };
    for operation in history.iter().filter(|operation| operation.began > first && is_done_now(operation)) {
        report.tally.wrong(format!("acknowledged after a failed fsync: {:?}", operation.asked));
    }
}

/// How large the disk is, and becomes, in KiB.
const SMALL: usize = 1 << 10;
const LARGER: usize = 8 << 10;

/// F-05: the disk is full. Nothing is acknowledged, reads go on, and with more space it goes on without a restart.
pub(crate) fn full(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    if let Some(why) = obstacle() {
        report.skipped = Some(why);
        return Ok(());
    }
    for round in 0..setting.rounds {
        let seed = setting.seed.wrapping_add(round as u64);
        let mut stage = Stage::new(&Setting { seed, ..setting.clone() })?;
        let small = Small::mount(stage.home.path(), SMALL)?;
        let data = small.folder().join("data");
        stage.adjust = Box::new(move |start| start.place = Place::Folder(data.clone()));
        let (scene, _) = stage.open()?;
        let (history, ()) = scene.under_load(Until::Over, |beside| {
            wait_for_refusals(beside)?;
            reads_go_on(beside)?;
            small.resize(LARGER)?;
            let begun = Instant::now();
            beside.go_on(20)?;
            report.took("space to the 20th acknowledgement", begun.elapsed());
            Ok(())
        })?;
        check_refusals(&history, "STORAGE_FULL", report);
        stage.settle(&history, report);
        stage.scene = None;
    }
    Ok(())
}

/// F-06: files may not grow beyond a limit. The server lives, and goes on when the limit is lifted.
pub(crate) fn limit(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    for round in 0..setting.rounds {
        let seed = setting.seed.wrapping_add(round as u64);
        let mut stage = Stage::new(&Setting { seed, ..setting.clone() })?;
        let (scene, random) = stage.open()?;
        let (mut history, recovers) = scene.under_load(Until::Over, |beside| {
            beside.any_moment(random)?;
            let pid = beside.servers[0].pid();
            let limit = |current| prlimit(Some(pid), Resource::Fsize, Rlimit { current, maximum: None });
            limit(Some(300 << 10))?;
            wait_for_refusals(beside)?;
            reads_go_on(beside)?;
            limit(None)?;
            // Whether the failure was one of a write, after which it goes on, or one behind which only a restart knows.
            let enough = beside.course.acknowledged() + 20;
            let begun = Instant::now();
            while beside.course.acknowledged() < enough && begun.elapsed().as_secs() < 5 {
                sleep(LOOK_AGAIN);
            }
            Ok(beside.course.acknowledged() >= enough)
        })?;
        if !recovers {
            scene.servers.pop().map(crate::server::Server::kill).transpose()?;
            scene.restart()?;
            let (more, ()) = scene.under_load(Until::Sent(20), |_| Ok(()))?;
            history.extend(more);
        }
        let goes_on = if recovers { "without" } else { "after" };
        let said = refusals(&history).join(", ");
        report.remark(format!("refused with {said}; goes on {goes_on} a restart"));
        stage.settle(&history, report);
    }
    Ok(())
}

/// Waits until the clients hear nothing good any more.
fn wait_for_refusals(beside: &mut Beside<'_>) -> anyhow::Result<()> {
    let start = Instant::now();
    let (mut seen, mut since) = (beside.course.acknowledged(), Instant::now());
    // Batches that change nothing are acknowledged all the same: what counts is that it becomes few.
    loop {
        sleep(LOOK_AGAIN * 50);
        if beside.servers[0].has_ended() {
            bail!("the server has ended:\n{}", beside.servers[0].log());
        }
        let now = beside.course.acknowledged();
        if now > seen + 3 {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed().as_millis() >= 300 {
            return Ok(());
        }
        seen = seen.max(now);
        if start.elapsed() > PATIENCE {
            bail!("it never becomes full");
        }
    }
}

fn reads_go_on(beside: &Beside<'_>) -> anyhow::Result<()> {
    let mut connection = rig::Connection::new(beside.servers[0].address, beside.key);
    for target in ["/v3/groups?limit=100", "/healthz", "/v3/runs"] {
        let reply = connection.get(target)?;
        if reply.status != 200 {
            bail!("{target}, while nothing can be written: {} {}", reply.status, reply.body);
        }
    }
    Ok(())
}

fn check_refusals(history: &[Operation], code: &str, report: &mut Report) {
    let said = refusals(history);
    if !said.iter().any(|said| said.contains(code)) {
        report.tally.wrong(format!("nobody was told {code}: {said:?}"));
    }
    report.remark(format!("refused with {}", said.join(", ")));
}
