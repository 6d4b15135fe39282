//! The power goes: what the system has in memory is gone, what is on the device is there.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rig::load::Until;
use rustix::process::Signal;

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::{Scene, forget_after};
use crate::server::{LOOK_AGAIN, PATIENCE, Server};
use crate::volume::{Volume, compile, obstacle, run};

const CUT: &str = include_str!("../cut.c");

/// A stage whose data lies on a volume of its own.
fn on_volume(setting: &Setting) -> anyhow::Result<(Volume, Stage)> {
    let mut stage = Stage::new(setting)?;
    let volume = Volume::make(stage.home.path())?;
    let folder = volume.folder();
    stage.adjust = Box::new(move |start| {
        if let crate::scene::Place::Folder(data) = &mut start.place {
            *data = folder.join(data.file_name().unwrap_or_default());
        }
    });
    Ok((volume, stage))
}

/// What clients find when they begin is on the device: what is lost is what they were told then.
fn begin_on_device(scene: &Scene, volume: &Volume) -> anyhow::Result<()> {
    if scene.course.acknowledged() == 0 { volume.sync() } else { Ok(()) }
}

/// F-04: nothing reaches the device any more, from one moment on.
pub(crate) fn cut(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    if let Some(why) = obstacle() {
        report.skipped = Some(why);
        return Ok(());
    }
    let (mut volume, mut stage) = on_volume(setting)?;
    let cut = compile(stage.home.path(), "cut", CUT, &[])?;
    let mut lossy = 0;
    for _ in 0..setting.rounds {
        let (scene, random) = stage.open()?;
        begin_on_device(scene, &volume)?;
        let folder = volume.folder();
        let (mut history, moment) = scene.under_load(Until::Gone, |beside| {
            beside.any_moment(random)?;
            // What is answered during the call may have been synced or not: the kernel does not say.
            let moment = beside.course.moment();
            run(Command::new(&cut).arg(&folder))?;
            sleep(Duration::from_micros(random.below(3000) as u64));
            beside.servers.pop().context("a server")?.kill()?;
            Ok(moment)
        })?;
        forget_after(&mut history, moment);
        volume.unmount()?;
        volume.mount()?;
        lossy += usize::from(settle_after(&mut stage, &history, report));
    }
    report.remark(format!("{lossy} cuts lost something"));
    Ok(())
}

/// F-03: the device is copied while the server stands still, and the server goes on with the copy.
pub(crate) fn image(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    if let Some(why) = obstacle() {
        report.skipped = Some(why);
        return Ok(());
    }
    let (mut volume, mut stage) = on_volume(setting)?;
    let mut lossy = 0;
    for _ in 0..setting.rounds {
        let (scene, random) = stage.open()?;
        begin_on_device(scene, &volume)?;
        let (history, ()) = scene.under_load(Until::Gone, |beside| {
            beside.any_moment(random)?;
            let server = beside.servers.pop().context("a server")?;
            server.signal(Signal::STOP)?;
            wait_until_stopped(&server)?;
            volume.copy_device()?;
            server.kill()
        })?;
        volume.take_copy()?;
        lossy += usize::from(settle_after(&mut stage, &history, report));
    }
    report.remark(format!("{lossy} copies lacked something"));
    Ok(())
}

/// Starts the server on what is there. A server that does not start on it has lost everything.
fn settle_after(stage: &mut Stage, history: &[rig::history::Operation], report: &mut Report) -> bool {
    let before = (report.tally.lost, report.tally.half_applied, report.tally.wrong);
    match stage.scene.as_mut().map(Scene::restart).transpose() {
        Ok(_) => stage.settle(history, report),
        Err(error) => {
            report.tally.cycles += 1;
            report.tally.wrong(format!("does not start any more: {error:#}"));
            stage.scene = None;
        }
    }
    before != (report.tally.lost, report.tally.half_applied, report.tally.wrong)
}

/// Waits until no thread runs any more: one that waits for the disk stops only after it.
fn wait_until_stopped(server: &Server) -> anyhow::Result<()> {
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let start = Instant::now();
    loop {
        let is_stopped = |path: std::path::PathBuf| {
            let state = fs::read_to_string(path.join("stat")).unwrap_or_default();
            state.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        if fs::read_dir(&tasks)?.flatten().all(|entry| is_stopped(entry.path())) {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            bail!("the server does not stop");
        }
        sleep(LOOK_AGAIN);
    }
}
