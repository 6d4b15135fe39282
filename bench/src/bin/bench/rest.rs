//! A server with many groups: what it needs when nothing is asked of it, and how soon it answers after a start.

use std::time::Duration;

use anyhow::Context as _;
use rosterd_bench::figures::float;

use crate::driver::{Answers, Queue, Supply, drive};
use crate::options::Engine;
use crate::records::Version;
use crate::requests::{Face, Load, Phase};
use crate::results::{Rest, rounded};
use crate::run::{Case, Run, Servers};
use crate::served::{End, Served};

/// Starts of each kind.
const STARTS: usize = 3;
/// How long it is left alone before it counts as at rest: longer than it keeps what it does not need.
const REST: Duration = Duration::from_secs(20);
/// How long it is written to before it is killed.
const LOAD: Duration = Duration::from_millis(500);

/// On the embedded store; a database has memory of its own.
pub(crate) fn measure(run: &mut Run<'_>, stored: u64) -> anyhow::Result<Option<Rest>> {
    let face = run.options.faces(stored)[0];
    let (engine, servers) = (Engine::Sqlite, Servers::One);
    let case = Case { engine, face, connections: 4, stored, records: 0, batch: 1000, servers };
    let mut served = run.served(&case)?;
    served.settle()?;
    std::thread::sleep(REST);
    let [loaded_mib, _] = served.memory()?;
    let shape = &run.options.shape;
    let question = match face {
        Face::Groups => format!("/v3/groups/by-reference-id/{}", shape.key(stored / 2)),
        Face::Usergroups => format!("/usergroups/id/{}", shape.id(stored / 2)),
    };
    let (mut start_ms, mut killed_ms, mut started_mib) = (Vec::new(), Vec::new(), 0);
    for turn in 0..STARTS {
        start_ms.push(milliseconds(served.start_again(End::Stop, &question)?));
        served.settle()?;
        started_mib = started_mib.max(served.memory()?[0]);
        let first = stored + served.sent + 1_000_000 * turn as u64;
        let load = Load::new(shape, face, [first, 200_000], 1000);
        killed_ms.push(milliseconds(kill_under_load(&mut served, &load, &question)?));
    }
    Ok(Some(Rest { engine: Engine::Sqlite, stored, loaded_mib, started_mib, start_ms, killed_ms }))
}

fn kill_under_load(served: &mut Served<'_>, load: &Load<'_>, question: &str) -> anyhow::Result<Duration> {
    let (host, key) = (served.host.clone(), served.keys[0].clone());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let make = |place: usize| load.request(place, Phase::First, Version::default());
            let queue = Queue { key: &key, count: load.batches.len(), supply: Supply::Made(&make) };
            // It ends with a broken connection: that is what is wanted.
            drive(&[&host], load.face, &[queue], 4, Answers::LookedAt).is_err()
        });
        std::thread::sleep(LOAD);
        let took = served.start_again(End::Kill, question)?;
        let was_killed = writer.join().ok().context("the writer panicked")?;
        anyhow::ensure!(was_killed, "all was written before the server was killed");
        Ok(took)
    })
}

fn milliseconds(took: Duration) -> f64 {
    rounded(float(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)) / 1000.0)
}
