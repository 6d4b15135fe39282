//! Time jumps, or stands still.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use rig::load::Until;
use rig::survey::Back;
use rig::workload::Shape;
use rustix::process::Signal;

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::Scene;
use crate::volume::compile;

/// The shim before libc that turns clocks.
const CLOCK: &str = include_str!("../clock.c");

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

/// Which clocks jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clocks {
    /// The one that people know.
    Wall,
    /// That of deadlines as well.
    Both,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How far the clock of the wall is ahead, in seconds, one after another.
const JUMPS: [i64; 6] = [YEAR, -2 * HOUR, -YEAR, 0, 2 * HOUR, 0];
/// The same where the clock that never goes back is turned with it: then it goes forward only.
const FORWARD: [i64; 3] = [2 * HOUR, 30 * DAY, YEAR];

/// F-19: the clock of the wall jumps under load; then that of deadlines, too.
pub(crate) fn clock(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    for _ in 0..setting.rounds {
        jumps(setting, report, Clocks::Wall).context("the clock of the wall")?;
        jumps(setting, report, Clocks::Both).context("both clocks")?;
    }
    Ok(())
}

fn jumps(setting: &Setting, report: &mut Report, clocks: Clocks) -> anyhow::Result<()> {
    let offsets = if clocks == Clocks::Wall { &JUMPS[..] } else { &FORWARD[..] };
    let mut stage = Stage::new(setting)?;
    // A kept answer is forgotten after a day, whoever turned the clock: nobody asks again across jumps.
    stage.shape = Shape { keyed: 0, ..Shape::WIDE };
    let shim = compile(stage.home.path(), "clock.so", CLOCK, &["-shared", "-fPIC"])?;
    let file = stage.home.path().join("ahead");
    turn(&file, 0, clocks)?;
    let named = file.clone();
    stage.adjust = Box::new(move |start| {
        // Runs of the year before stay.
        start.options = vec!["--runs-days", "3650"];
        start.environment = vec![
            ("LD_PRELOAD", shim.clone().into_os_string()),
            ("RIG_CLOCK", named.clone().into_os_string()),
        ];
    });
    let (scene, _) = stage.open()?;
    // Newer runs may be older by the clock.
    scene.back = Back::Beginning;
    let mut years = vec![year(scene)?];
    let mut idle = TcpStream::connect(scene.servers[0].address)?;
    idle.set_read_timeout(Some(SOON))?;
    let (mut history, ()) = scene.under_load(Until::Over, |beside| {
        for offset in offsets {
            beside.go_on(30)?;
            turn(&file, *offset, clocks)?;
            beside.go_on(30)?;
        }
        Ok(())
    })?;
    // Whoever has sent nothing is given up after ten seconds, by the clock of deadlines.
    let is_given_up = idle.read(&mut [0]).is_ok_and(|bytes| bytes == 0);
    years.push(year(scene)?);
    turn(&file, YEAR, clocks)?;
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
    Ok(())
}

/// Turns the clocks of the server that this file was given to.
fn turn(file: &Path, seconds: i64, clocks: Clocks) -> anyhow::Result<()> {
    let deadlines = if clocks == Clocks::Both { seconds } else { 0 };
    // Overwritten in place: the server has it in its memory.
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(file)?;
    Ok(file.write_all_at(&[seconds, deadlines].map(i64::to_ne_bytes).concat(), 0)?)
}

/// The year in which the server thinks that its newest run was.
fn year(scene: &Scene) -> anyhow::Result<String> {
    let reply = scene.connect(0).get("/v3/runs?limit=1")?;
    let page: serde_json::Value = serde_json::from_str(&reply.body)?;
    let at = page["runs"][0]["startedAt"].as_str().unwrap_or("none");
    Ok(at.chars().take(4).collect())
}
