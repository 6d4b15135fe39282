//! Backups under load: each is restored, and compared with what was acknowledged before it began.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;
use rig::history::Operation;
use rig::load::Until;
use rig::survey::{Back, Survey};
use rig::workload::Shape;
use rig::{Checker, Random};

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::{Place, Start, forget_after};
use crate::server::Server;
use crate::volume::run;

/// Rounds on one directory: what is written meanwhile, as fast as it goes, is in every further backup.
const EACH: usize = 10;

/// P18: every backup holds what was acknowledged before it began, and no batch in part. Those that are killed on
/// their way leave nothing that looks like one; a restore that was killed can be done again.
pub(crate) fn backups(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let help = Command::new(&setting.program).args(["backup", "--help"]).stdin(Stdio::null()).output()?;
    if !help.status.success() {
        report.skipped = Some("this server makes no backups".to_owned());
        return Ok(());
    }
    let mut stage = Stage::new(setting)?;
    // What is answered after the beginning of a backup may be in it or not: keys tell.
    stage.shape = Shape { keyed: 10, ..Shape::WIDE };
    let mut died = 0;
    for round in 0..setting.rounds {
        let (file, killed) =
            (stage.home.path().join(format!("backup{round}")), stage.home.path().join("killed"));
        let target = stage.home.path().join(format!("restored{round}"));
        let (scene, random) = stage.open()?;
        let (start, before) = (scene.start.clone(), scene.checker.fork());
        let Place::Folder(data) = start.place.clone() else { bail!("backups are made of folders") };
        let (history, moment) = scene.under_load(Until::Over, |beside| {
            beside.any_moment(random)?;
            died += usize::from(kill_on_its_way(start.command(&["backup"]).arg(&killed), random)?);
            // One that has its name is whole.
            if killed.exists() {
                check_file(&start, &killed, &killed.with_extension("restored"))?;
            }
            drop(fs::remove_file(&killed));
            let (moment, begun) = (beside.course.moment(), Instant::now());
            run(start.command(&["backup"]).arg(&file))?;
            report.took("backup", begun.elapsed());
            beside.go_on(20)?;
            Ok(moment)
        })?;
        let key = scene.key.clone();
        died += usize::from(restore(&start, &file, &target, random)?);
        compare(&start, &target, &key, before, history.clone(), moment, report)?;
        stage.settle(&history, report);
        fs::remove_dir_all(&target)?;
        fs::remove_file(&file)?;
        if round % EACH == EACH - 1 {
            stage.scene = None;
            fs::remove_dir_all(data)?;
        }
    }
    report.remark(format!("{died} backups and restores were killed on their way"));
    Ok(())
}

/// Starts a command and kills it somewhere; whether it was still running.
fn kill_on_its_way(command: &mut Command, random: &mut Random) -> anyhow::Result<bool> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    sleep(Duration::from_micros(random.below(60_000) as u64));
    let is_running = child.try_wait()?.is_none();
    child.kill()?;
    child.wait()?;
    Ok(is_running)
}

fn into(start: &Start, file: &Path, target: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(&start.program);
    command.arg("restore").arg(file).arg("--data-dir").arg(target).args(more);
    command
}

/// A file that has its name can be restored.
fn check_file(start: &Start, file: &Path, target: &Path) -> anyhow::Result<()> {
    run(&mut into(start, file, target, &[]))?;
    Ok(fs::remove_dir_all(target)?)
}

/// Restores, after an attempt that was killed, unless it was through before; whether it was not.
fn restore(start: &Start, file: &Path, target: &Path, random: &mut Random) -> anyhow::Result<bool> {
    let died = kill_on_its_way(&mut into(start, file, target, &[]), random)?;
    run(&mut into(start, file, target, &["--force"]))?;
    Ok(died)
}

/// What was restored holds every batch that was acknowledged before this moment, and of the others each wholly or not
/// at all.
fn compare(
    start: &Start,
    target: &Path,
    key: &str,
    mut checker: Checker,
    mut history: Vec<Operation>,
    moment: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    forget_after(&mut history, moment);
    let mut server = Server::start(&mut Start::in_folder(&start.program, target.to_owned()).serve())?;
    if server.is_new() {
        bail!("what was restored is empty");
    }
    server.wait_until_answers(key)?;
    let mut connection = rig::Connection::new(server.address, key);
    let found = Survey::default().look(&mut connection, Back::Beginning)?;
    let mut tally = checker.settle(&history, &found);
    // They are counted with the server's own.
    (tally.cycles, tally.acknowledged, tally.reads) = (0, 0, 0);
    (tally.silent, tally.silent_done, tally.refused) = (0, 0, 0);
    report.tally += tally;
    Ok(())
}
