//! Nothing happens to the server: what clients do to each other, and whether both engines answer alike.

use rig::history::{Fate, Operation, Shown};
use rig::load::Until;
use rig::workload::{Asked, Shape};

use super::places::{Databases, Venue, side_by_side};
use super::{Setting, Stage};
use crate::report::Report;

/// Clients at once on one tenant.
const CLIENTS: usize = 4;
/// Requests of all clients in a cycle.
const CYCLE: usize = 1000;
/// Cycles on one tenant. Then its store is thrown away, so memory is bounded however many rounds there are.
const CYCLES: usize = 2;
/// Groups that everybody writes to, and looks at next.
const CLOSE: Shape = Shape { keys: 9, ids: 12, records: 6, reads: 4, keyed: 4 };

/// P7, P8: several clients at once, each request over another connection than the one before. P26: the same
/// requests to both engines.
pub(crate) fn calm(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let databases = Databases::start(report);
    side_by_side(setting, report, |setting, report| {
        at_once(None, setting, report)?;
        let Some(databases) = &databases else { return Ok(()) };
        at_once(Some(databases), setting, report)?;
        alike(databases, setting, report)
    })
}

/// Several clients at once.
fn at_once(databases: Option<&Databases>, setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let shape = if setting.seed.is_multiple_of(2) { CLOSE } else { Shape::WIDE };
    let venue = Venue { databases, shape, servers: 2, clients: CLIENTS, connections: 2 };
    let history = venue.with(setting, |stage| told(stage, CLIENTS, report))?;
    report.count(&format!("requests at once to {}", venue.engine()), history.len());
    let is_fresh = |pair: &&[Operation]| {
        let wrote = matches!((&pair[0].asked, &pair[0].fate), (Asked::Write(_), Fate::Answered(_)));
        let read = matches!((&pair[1].asked, &pair[1].fate), (Asked::Read(_), Fate::Answered(_)));
        wrote && read && pair[0].ended < pair[1].began
    };
    let fresh = history.windows(2).filter(is_fresh).count();
    report.count("reads next after a client's write was answered, over another connection", fresh);
    Ok(())
}

/// The same requests to both engines, by one client of each. Both are at it at the same time.
fn alike(databases: &Databases, setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let one = |databases, report: &mut Report| {
        let venue = Venue { databases, shape: Shape::WIDE, servers: 1, clients: 1, connections: 2 };
        venue.with(setting, |stage| told(stage, 1, report))
    };
    let mut beside = Report::default();
    let (ours, theirs) = std::thread::scope(|scope| {
        let running = scope.spawn(|| one(Some(databases), &mut beside));
        let ours = one(None, report);
        (ours, running.join())
    });
    report.add(beside);
    let theirs = theirs.map_err(|_| anyhow::anyhow!("a client has panicked"))??;
    compare(&ours?, &theirs, report);
    Ok(())
}

/// Lets so many clients send, and judges it: nobody is refused, and nobody is left without an answer.
fn told(stage: &mut Stage, clients: usize, report: &mut Report) -> anyhow::Result<Vec<Operation>> {
    let mut all = Vec::new();
    for _ in 0..CYCLES {
        let (scene, _) = stage.open()?;
        let (history, ()) = scene.under_load(Until::Sent(CYCLE / clients), |_| Ok(()))?;
        for operation in &history {
            if let Fate::Refused(said) | Fate::Silent(said) = &operation.fate {
                report.tally.wrong(format!("for no reason {said}: {:?}", operation.asked));
            }
        }
        stage.settle(&history, report);
        all.extend(history);
        // What comes after a loss cannot be judged.
        if stage.scene.is_none() {
            break;
        }
    }
    Ok(all)
}

/// What two engines were asked is the same, and so is what they answered.
fn compare(ours: &[Operation], theirs: &[Operation], report: &mut Report) {
    report.count("requests one after the other, the same to both engines", ours.len());
    let mut differ = 0;
    for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        if ours.asked != theirs.asked || said(ours) != said(theirs) {
            differ += 1;
            let [ours, theirs] = [ours, theirs].map(|one| format!("{:?} {:?}", one.asked, said(one)));
            report.tally.wrong(format!("request {number}: {ours} embedded, {theirs} on PostgreSQL"));
        }
    }
    report.count("answers that differ between them", differ + ours.len().abs_diff(theirs.len()));
}

/// An answer but for the ids of runs and the times of groups.
fn said(operation: &Operation) -> Result<(Shown, bool), &Fate> {
    match (&operation.asked, &operation.fate) {
        (Asked::Read(read), Fate::Answered(reply)) => {
            Ok((Shown::of(read, reply.status, &reply.body), reply.is_replay))
        }
        (Asked::Write(_), Fate::Answered(reply)) => {
            Ok((Shown { status: reply.status, body: reply.body.clone() }, reply.is_replay))
        }
        (_, fate) => Err(fate),
    }
}
