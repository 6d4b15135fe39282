//! Time jumps, or stands still.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use rig::load::Until;
use rig::survey::Back;
use rig::workload::Shape;
use rustix::process::{Pid, Signal};

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::Scene;

/// F-20: the server is stopped for some seconds under load, and goes on.
pub(crate) fn pause(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let mut stage = Stage::new(setting)?;
    for round in 0..setting.rounds {
        let (scene, random) = stage.open()?;
        // One long pause of a minute's patience, in a long round.
        let seconds = if round % 10 == 9 { 30 } else { 1 + random.below(3) as u64 };
        let (history, ()) = scene.under_load(Until::Over, |beside| {
            beside.any_moment(random)?;
            beside.servers[0].signal(Signal::STOP)?;
            sleep(Duration::from_secs(seconds));
            beside.servers[0].signal(Signal::CONT)?;
            beside.go_on(40)
        })?;
        stage.settle(&history, report);
    }
    Ok(())
}

/// A server that gives somebody up does it at once when the time has come.
const SOON: Duration = Duration::from_millis(500);

/// Where Debian keeps the library, by architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
}

/// Which clocks jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clocks {
    /// The one that people know.
    Wall,
    /// That of deadlines as well.
    Both,
}

/// Offsets of the wall clock, one after another.
const JUMPS: [&str; 6] = ["+1y", "-2h", "-1y", "+0", "+2h", "+0"];
/// The same where the clock that never goes back is turned with it: then it goes forward only.
const FORWARD: [&str; 3] = ["+2h", "+30d", "+1y"];

/// F-19: the clock of the wall jumps under load; then that of deadlines, too.
pub(crate) fn clock(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let Some(library) = library() else {
        let why = "libfaketime is not installed (Debian: faketime)".to_owned();
        if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
            report.failed = Some(why);
        } else {
            report.skipped = Some(why);
        }
        return Ok(());
    };
    for _ in 0..setting.rounds {
        jumps(setting, report, &library, Clocks::Wall).context("the clock of the wall")?;
        jumps(setting, report, &library, Clocks::Both).context("both clocks")?;
    }
    Ok(())
}

fn jumps(setting: &Setting, report: &mut Report, library: &Path, clocks: Clocks) -> anyhow::Result<()> {
    let (offsets, spares) = if clocks == Clocks::Wall { (&JUMPS[..], "1") } else { (&FORWARD[..], "0") };
    let mut stage = Stage::new(setting)?;
    // A kept answer is forgotten after a day, whoever turned the clock: nobody asks again across jumps.
    stage.shape = Shape { keyed: 0, ..Shape::WIDE };
    let file = stage.home.path().join("time");
    fs::write(&file, "+0\n")?;
    let (library, named) = (library.to_owned(), file.clone());
    stage.adjust = Box::new(move |start| {
        // Runs of the year before stay.
        start.options = vec!["--runs-days", "3650"];
        start.environment = vec![
            ("LD_PRELOAD", library.clone().into_os_string()),
            ("FAKETIME_TIMESTAMP_FILE", named.clone().into_os_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", spares.into()),
        ];
    });
    let (scene, _) = stage.open()?;
    // Newer runs may be older by the clock.
    scene.back = Back::Beginning;
    let mut years = vec![year(scene)?];
    let pid = scene.servers[0].pid();
    let mut idle = TcpStream::connect(scene.servers[0].address)?;
    idle.set_read_timeout(Some(SOON))?;
    let (mut history, ()) = scene.under_load(Until::Over, |beside| {
        for offset in offsets {
            beside.go_on(30)?;
            // Replaced as a whole: the library may be reading it.
            let beside_it = file.with_extension("new");
            fs::write(&beside_it, format!("{offset}\n"))?;
            fs::rename(&beside_it, &file)?;
            beside.go_on(30)?;
        }
        Ok(())
    })?;
    // Whoever has sent nothing is given up after ten seconds, by the clock of deadlines.
    let is_given_up = idle.read(&mut [0]).is_ok_and(|bytes| bytes == 0);
    years.push(year(scene)?);
    fs::write(&file, "+1y\n")?;
    let (more, ()) = scene.under_load(Until::Sent(8), |_| Ok(()))?;
    history.extend(more);
    years.push(year(scene)?);
    stage.settle(&history, report);
    years.dedup();
    if years.len() < 2 || is_given_up != (clocks == Clocks::Both) {
        report
            .tally
            .wrong(format!("{clocks:?}: years {years:?}, given up: {is_given_up}; the rig does not work"));
    }
    stage.scene = None;
    forget(pid);
    Ok(())
}

/// The library leaves something of a process that was killed behind.
fn forget(pid: Pid) {
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        drop(fs::remove_file(format!("/dev/shm/{name}{}", pid.as_raw_nonzero())));
    }
}

/// The year in which the server thinks that its newest run was.
fn year(scene: &Scene) -> anyhow::Result<String> {
    let reply = scene.connect(0).get("/v3/runs?limit=1")?;
    let page: serde_json::Value = serde_json::from_str(&reply.body)?;
    let at = page["runs"][0]["startedAt"].as_str().unwrap_or("none");
    Ok(at.chars().take(4).collect())
}
