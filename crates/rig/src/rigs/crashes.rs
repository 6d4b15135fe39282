//! The server dies.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rig::history::{Fate, Operation};
use rig::load::Until;
use rig::workload::{Asked, Call, Write};
use serde_json::json;

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::Scene;
use crate::server::LOOK_AGAIN;
use crate::volume::compile;

/// The shim that is loaded into the server.
pub(super) const CALLS: &str = include_str!("../calls.c");

/// F-01: `kill -9` under load.
pub(crate) fn kill(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let mut stage = Stage::new(setting)?;
    for _ in 0..setting.rounds {
        let groups = stage.setting.groups;
        let is_new = stage.scene.is_none();
        let (scene, random) = stage.open()?;
        if is_new && groups > 0 {
            fill(scene, groups)?;
        }
        let (history, ()) = scene.under_load(Until::Gone, |beside| {
            beside.any_moment(random)?;
            beside.servers.pop().context("a server")?.kill()
        })?;
        report.took("restart to first answer", scene.restart()?);
        stage.settle(&history, report);
    }
    Ok(())
}

/// Fills another tenant with groups.
fn fill(scene: &Scene, groups: usize) -> anyhow::Result<()> {
    const BATCH: usize = 1000;
    super::super::volume::run(&mut scene.start.command(&["tenants", "create", "large"]))?;
    let words = ["keys", "create", "--tenant", "large", "--scopes", "groups:read,groups:write", "--json"];
    let output = scene.start.command(&words).output()?;
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).context("a key")?;
    let key = made["key"].as_str().context("a key")?;
    let mut connection = rig::Connection::new(scene.servers[0].address, key);
    for first in (0..groups).step_by(BATCH) {
        let record = |index: usize| {
            let parent = (index >= 10).then(|| format!("g{}", index / 10));
            json!({"externalReferenceId": format!("g{index}"), "name": format!("Group {index}"),
                "parentExternalReferenceId": parent})
        };
        let records: Vec<_> = (first..groups.min(first + BATCH)).map(record).collect();
        let body = json!({ "groups": records }).to_string();
        let reply = connection.send("POST", Call::Upsert.target(), None, Some(&body))?;
        anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.body);
    }
    Ok(())
}

/// Records of the batch that dies: enough for a commit of many pages.
const RECORDS: usize = 250;

/// F-02: death before the n-th call that would reach the disk, for each n until a batch, and the moving of its log
/// into the data file, go through.
pub(crate) fn calls(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let mut stage = Stage::new(setting)?;
    let shim = compile(stage.home.path(), "calls.so", CALLS, &["-shared", "-fPIC"])?;
    let flag = stage.home.path().join("die");
    let armed = flag.clone();
    stage.adjust = Box::new(move |start| {
        start.environment =
            vec![("LD_PRELOAD", shim.clone().into_os_string()), ("RIG_DIE", armed.clone().into_os_string())];
    });
    let mut deaths = 0;
    for call in 1..=setting.rounds {
        let (scene, _) = stage.open()?;
        let operation = one_batch(scene, call, &flag)?;
        // What is behind the answer can die as well.
        let is_dead = wait_until_still(scene);
        deaths += usize::from(is_dead);
        // Nothing dies while it starts.
        fs::remove_file(&flag).context("the flag")?;
        scene.restart()?;
        stage.settle(&[operation], report);
        if !is_dead {
            report.remark(format!("each of {deaths} calls was the last one"));
            return Ok(());
        }
    }
    report.remark(format!("the first {deaths} calls; there are more"));
    Ok(())
}

/// Sends a batch that dies at this call, or is through before.
fn one_batch(scene: &Scene, call: usize, flag: &PathBuf) -> anyhow::Result<Operation> {
    let record = |index: usize| {
        json!({
            "externalReferenceId": format!("d{index}"), "name": format!("at call {call}"),
            "parentExternalReferenceId": (index > 0).then(|| format!("d{}", (index - 1) / 7)),
        })
    };
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    let body = json!({ "groups": records }).to_string();
    let asked = Asked::Write(Write { call: Call::Upsert, body, key: Some(format!("call-{call}")) });
    // Written beside it, so that nobody reads half of it.
    let beside = flag.with_extension("new");
    fs::write(&beside, call.to_string())?;
    fs::rename(&beside, flag)?;
    let began = scene.course.moment();
    let fate = Fate::of(&asked, scene.connect(0).ask(&asked));
    Ok(Operation { asked, began, ended: scene.course.moment(), fate })
}

/// How long nothing has to change on the disk for the server to have nothing to do any more.
const STILL: Duration = Duration::from_millis(400);

/// Waits until the server is dead or has nothing to do any more; whether it is dead.
fn wait_until_still(scene: &mut Scene) -> bool {
    let crate::scene::Place::Folder(data) = scene.start.place.clone() else { return false };
    let look = || -> Vec<_> {
        let entries = fs::read_dir(&data).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let found = entry.metadata().ok()?;
                Some((entry.file_name(), found.len(), found.modified().ok()?))
            })
            .collect();
        files.sort();
        files
    };
    let (mut seen, mut since) = (look(), Instant::now());
    while since.elapsed() < STILL {
        if scene.servers[0].has_ended() {
            return true;
        }
        let now = look();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        sleep(LOOK_AGAIN);
    }
    scene.servers[0].has_ended()
}
