//! The whole server in a simulated world: its network, its disk, its clock and its chances come from one seed.
//! The same seed is the same run, byte for byte; so whatever a seed finds can be looked at again.

mod client;
mod dice;
mod disk;
mod faults;
mod fibers;
mod history;
mod line;
mod server;
mod tests;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rig::Checker;
use serde_json::Value;
use tokio::time::sleep;

use client::Client;
use dice::Dice;
use disk::Disk;
use faults::Faults;
use wire::SERVER;
use world::{Inside, World, lock};

/// No run takes longer in its own time.
const LONGEST: Duration = Duration::from_hours(2);
const DESK: &str = "desk";
const FOLLOWER: &str = "follower";

/// Fills a place with random bytes, if this thread belongs to a simulated world.
pub(crate) fn fill(bytes: &mut [u8]) -> bool {
    world::current().inspect(|world| world.fill(bytes)).is_some()
}

/// Whether this thread belongs to a simulated world.
pub(crate) fn is_running() -> bool {
    world::current().is_some()
}

/// Runs work that may wait, where this thread belongs to a simulated world.
pub(crate) async fn wait<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let world = world::current().ok_or("no world")?;
    fibers::wait(&world, work).await
}

/// What became of a world.
struct Report {
    seed: u64,
    engine: &'static str,
    elapsed: Duration,
    counts: BTreeMap<&'static str, u64>,
    trace: Vec<String>,
    wrong: Vec<String>,
}

/// Lives through the world of a seed.
fn live(seed: u64) -> Report {
    let mut dice = Dice::new(seed, "world");
    let engine = if dice.once_in(2) { Disk::memory() } else { Disk::sqlite() };
    let world = World::new(seed, engine);
    let _inside = Inside::of(&world);
    let names: Vec<String> = (0..world.climate.clients).map(|number| format!("client-{number}")).collect();
    let keys = server::found(&world, names.len() + 2);
    let mut sim = turmoil::Builder::new()
        .rng_seed(dice.next())
        .epoch(std::time::SystemTime::UNIX_EPOCH)
        .tick_duration(world.climate.tick)
        .min_message_latency(faults::LEAST_LATENCY)
        .max_message_latency(world.climate.latency)
        .simulation_duration(LONGEST)
        .enable_random_order()
        .build();
    let serving = Arc::clone(&world);
    sim.host(SERVER.0, move || server::serve(Arc::clone(&serving)));
    let mut keys = keys.into_iter();
    let mut client = |name: &str| Client::new(&world, name.to_owned(), keys.next().unwrap());
    let mut desk = client(DESK).calm();
    let follower = client(FOLLOWER);
    let (ready, started) = tokio::sync::watch::channel(false);
    for name in &names {
        let (client, mut started) = (client(name), started.clone());
        sim.client(&**name, async move {
            started.wait_for(|ready| *ready).await?;
            client.load().await;
            Ok(())
        });
    }
    let (mut begun, waiting) = (started, Arc::clone(&world));
    sim.client(FOLLOWER, async move {
        begun.wait_for(|ready| *ready).await?;
        let mut follower = follower.follow().await.calm();
        // The feed is read to its end when nothing moves any more.
        follower.read_everything().await;
        waiting.tell(FOLLOWER, "has seen everything");
        Ok(())
    });
    sim.client(DESK, async move {
        sleep(Duration::from_millis(100)).await;
        desk.prepare().await;
        ready.send(true)?;
        Ok(())
    });
    let mut all = names;
    all.push(FOLLOWER.to_owned());
    let ended = run(&world, &mut sim, Faults::new(&world, all));
    let elapsed = sim.elapsed();
    drop(sim);
    if let Err(why) = ended {
        world.wrong(why);
    } else {
        judge(&world);
    }
    let (counts, trace, wrong) = (world.counts(), world.trace(), world.take_wrong());
    Report { seed, engine: world.disk.name(), elapsed, counts, trace, wrong }
}

fn run(world: &Arc<World>, sim: &mut turmoil::Sim<'_>, mut faults: Faults) -> Result<(), String> {
    loop {
        let is_over = sim.step().map_err(|error| error.to_string())?;
        world.set_elapsed(sim.elapsed());
        if is_over {
            return Ok(());
        }
        faults.step(sim);
    }
}

/// Holds what was seen against what one request after another comes to.
fn judge(world: &World) {
    let history = lock(&world.history);
    let tally = Checker::new().settle(&history.operations, &history.found);
    for note in tally.notes {
        world.wrong(note);
    }
    let stored: BTreeMap<i64, Value> = history
        .found
        .groups
        .iter()
        .map(|group| (group["id"].as_str().unwrap().parse().unwrap(), group.clone()))
        .collect();
    // The parent's key is shown beside its id, and is none of the group's own.
    let own = |group: &Value| {
        let mut group = group.clone();
        group.as_object_mut().unwrap().remove("parentExternalReferenceId");
        group
    };
    for (id, group) in &stored {
        let followed = history.followed.get(id).map(own);
        if followed.as_ref() != Some(&own(group)) {
            world.wrong(format!("the feed of changes comes to {followed:?}, stored is {group}"));
        }
    }
}
