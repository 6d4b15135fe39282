//! A clean stop.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rig::history::Fate;
use rig::load::Until;
use rustix::process::Signal;

use super::{Setting, Stage};
use crate::report::Report;

const READINESS: &str = "/readyz";
/// How long a server may say that it is ready after it was told to stop.
const SOON: Duration = Duration::from_secs(1);
/// How long a stop may take.
const LONGEST: Duration = Duration::from_secs(30);
/// Every so often one client has stalled in the middle of its request.
const STALLED: usize = 8;

/// P21: SIGTERM under load. Readiness goes off at once. What was begun before it is answered; what is not answered is not done; the exit code
/// is 0.
pub(crate) fn drain(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let mut stage = Stage::new(setting)?;
    for round in 0..setting.rounds {
        let (scene, random) = stage.open()?;
        let stalled =
            (round % STALLED == STALLED - 1).then(|| stall(&scene.connect(0), &scene.key)).transpose()?;
        let mut probe = scene.connect(0);
        probe.get(READINESS)?;
        let (history, (moment, took, code)) = scene.under_load(Until::Gone, |beside| {
            beside.any_moment(random)?;
            let mut server = beside.servers.pop().context("a server")?;
            let (moment, begun) = (beside.course.moment(), Instant::now());
            server.signal(Signal::TERM)?;
            // Over a connection that is open already: no new one is taken.
            while probe.get(READINESS).is_ok_and(|reply| reply.status == 200) && begun.elapsed() < SOON {}
            report.took("readiness off", begun.elapsed());
            let status = server.wait(2 * LONGEST)?;
            Ok((moment, begun.elapsed(), status.code()))
        })?;
        drop(stalled);
        let ready = report.times.iter().filter(|times| times.what == "readiness off");
        if ready.filter_map(|times| times.each.last()).any(|millis| u128::from(*millis) >= SOON.as_millis()) {
            report.tally.wrong("still ready a second after the signal");
        }
        let what = if round % STALLED == STALLED - 1 { "stop beside a stalled client" } else { "stop" };
        report.took(what, took);
        if code != Some(0) || took > LONGEST {
            report.tally.wrong(format!("the stop took {took:?} and gave {code:?}"));
        }
        for operation in &history {
            if let Fate::Silent(said) = &operation.fate
                && operation.began < moment
            {
                report.tally.wrong(format!("sent before the stop, {said}: {:?}", operation.asked));
            }
        }
        scene.restart()?;
        let done = report.tally.silent_done;
        stage.settle(&history, report);
        if report.tally.silent_done > done {
            report.tally.wrong("done in a clean stop, and not answered");
        }
    }
    Ok(())
}

/// A client that sends half of a request and then nothing.
fn stall(like: &rig::Connection, key: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(like.address())?;
    let head = format!(
        "POST /v3/groups/batch-upsert HTTP/1.1\r\nhost: rig\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    );
    stream.write_all(format!("{head}content-length: 1000\r\n\r\n{{\"groups\":").as_bytes())?;
    Ok(stream)
}
