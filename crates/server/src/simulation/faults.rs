//! What goes wrong in a simulated world: on its network, and with its machine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use turmoil::Sim;

use super::DESK;
use super::dice::Dice;
use super::disk::Mishap;
use super::wire::SERVER;
use super::world::{World, lock};

const HOUR_MS: i64 = 3_600_000;
/// Answers are kept for a day: whoever repeats a request does so before.
const MOST_OFF_MS: i64 = 10 * HOUR_MS;
const PARTS: usize = 256;
/// How long a message is on its way at least, and at most where the network is slow.
pub(super) const LEAST_LATENCY: Duration = Duration::from_millis(1);
const SLOW: Duration = Duration::from_secs(2);

/// What ends something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Release(String),
    Repair(String),
    RepairFrom(String, String),
    Start,
    Faster,
    /// The machine goes down now, which was only a matter of time.
    Die,
}

/// What goes wrong, and when.
pub(super) struct Faults {
    world: Arc<World>,
    dice: Dice,
    clients: Vec<String>,
    /// How long messages are on their way at most.
    latency: Duration,
    next_ms: u64,
    ends: Vec<(u64, End)>,
    is_stopping: bool,
}

impl Faults {
    pub(super) fn new(world: &Arc<World>, clients: Vec<String>) -> Self {
        let (world, dice) = (Arc::clone(world), Dice::new(world.seed, "faults"));
        let latency = world.climate.latency;
        Self { world, dice, clients, latency, next_ms: 500, ends: Vec::new(), is_stopping: false }
    }

    /// Between two steps of the world.
    pub(super) fn step(&mut self, sim: &mut Sim<'_>) {
        let now = self.world.elapsed_ms();
        let torn = lock(&self.world.dying).take();
        if let Some(torn) = torn {
            let part = self.dice.below(PARTS + 1);
            self.world.disk.die(Some(&torn), part);
            self.go_down(sim, "deaths in a commit");
        }
        if self.is_stopping && !sim.is_host_running(SERVER.0) {
            self.is_stopping = false;
            self.later(3000, End::Start);
        }
        if self.world.is_broken.load(Ordering::SeqCst) && self.is_up() && !self.is_due(&End::Die) {
            self.later(5000, End::Die);
        }
        let over = self.world.busy_clients.load(Ordering::SeqCst) == 0;
        let (due, rest) = std::mem::take(&mut self.ends).into_iter().partition(|(at, _)| over || *at <= now);
        self.ends = rest;
        for (_, end) in due {
            self.end(sim, end);
        }
        if !over && now >= self.next_ms {
            self.next_ms = now + 200 + self.dice.next() % 4000;
            self.begin(sim);
        }
    }

    fn later(&mut self, most_ms: u64, end: End) {
        self.ends.push((self.world.elapsed_ms() + 50 + self.dice.next() % most_ms, end));
    }

    fn is_due(&self, end: &End) -> bool {
        self.ends.iter().any(|(_, found)| found == end)
    }

    fn is_up(&self) -> bool {
        !self.is_stopping && !self.is_due(&End::Start)
    }

    fn told(&self, what: &'static str) {
        self.world.tell("world", what);
        self.world.count(what);
    }

    fn begin(&mut self, sim: &mut Sim<'_>) {
        match self.dice.below(16) {
            0..=5 => self.begin_on_link(sim),
            6 if !self.is_due(&End::Faster) => {
                self.latency = SLOW;
                self.set_latency(sim);
                self.later(6000, End::Faster);
                self.told("slow networks");
            }
            7 | 8 => self.shift_clock(),
            9 | 10 if self.is_up() => {
                self.world.disk.die(None, 0);
                self.go_down(sim, "deaths");
            }
            11 if self.is_up() => {
                if let Some(stop) = lock(&self.world.stop).take() {
                    stop();
                    self.is_stopping = true;
                    self.told("stops");
                }
            }
            12 => self.prepare(Mishap::Death),
            13 => self.prepare(Mishap::FailedAndThere),
            14 => self.prepare(Mishap::FailedAndGone),
            15 => self.prepare(Mishap::Full),
            _ => {}
        }
    }

    fn prepare(&self, mishap: Mishap) {
        *lock(&self.world.mishap) = Some(mishap);
        self.told(match mishap {
            Mishap::Full => "full disks",
            Mishap::FailedAndThere | Mishap::FailedAndGone => "failed commits",
            Mishap::Death => "commits to die in",
        });
    }

    fn begin_on_link(&mut self, sim: &mut Sim<'_>) {
        let client = self.clients[self.dice.below(self.clients.len())].clone();
        let is_taken = self.ends.iter().any(|(_, end)| match end {
            End::Release(other) | End::Repair(other) => *other == client,
            End::RepairFrom(from, to) => *from == client || *to == client,
            End::Start | End::Faster | End::Die => false,
        });
        if is_taken {
            return;
        }
        match self.dice.below(4) {
            0 => {
                sim.hold(&*client, SERVER.0);
                self.later(5000, End::Release(client));
                self.told("held links");
            }
            1 => {
                sim.partition(&*client, SERVER.0);
                self.later(5000, End::Repair(client));
                self.told("cut links");
            }
            way => {
                let server = SERVER.0.to_owned();
                let (from, to) = if way == 2 { (client, server) } else { (server, client) };
                sim.partition_oneway(&*from, &*to);
                self.later(5000, End::RepairFrom(from, to));
                self.told("links cut in one direction");
            }
        }
    }

    fn shift_clock(&mut self) {
        let hour = i64::try_from(self.dice.next() % 3).unwrap() * HOUR_MS;
        let by = hour + i64::try_from(self.dice.next() % 100_000).unwrap();
        let by = if self.dice.once_in(2) { by } else { -by };
        if (self.world.clock_offset_ms() + by).abs() < MOST_OFF_MS {
            self.world.shift_clock(by);
            self.told("clock jumps");
        }
    }

    fn go_down(&mut self, sim: &mut Sim<'_>, how: &'static str) {
        // A machine without power says no farewell.
        if self.dice.once_in(2) {
            for client in self.clients.clone() {
                sim.partition(&*client, SERVER.0);
                self.ends.retain(|(_, end)| {
                    !matches!(end, End::Release(other) | End::Repair(other) if *other == client)
                        && !matches!(end, End::RepairFrom(one, other) if *one == client || *other == client)
                });
                self.ends.push((self.world.elapsed_ms() + 50, End::Repair(client)));
            }
        }
        self.at_once(sim, |sim| sim.crash(SERVER.0));
        *lock(&self.world.stop) = None;
        self.is_stopping = false;
        self.ends.retain(|(_, end)| *end != End::Start && *end != End::Die);
        self.later(6000, End::Start);
        self.told(how);
    }

    /// Whatever the server had open ends in an order of its runtime's that no seed tells. So these farewells are
    /// all equally long on their way.
    fn at_once(&self, sim: &mut Sim<'_>, what: impl FnOnce(&mut Sim<'_>)) {
        for client in self.everybody() {
            sim.set_link_latency(client, SERVER.0, LEAST_LATENCY);
        }
        what(sim);
        self.set_latency(sim);
    }

    fn set_latency(&self, sim: &Sim<'_>) {
        for client in self.everybody() {
            sim.set_link_max_message_latency(client, SERVER.0, self.latency);
        }
    }

    fn everybody(&self) -> impl Iterator<Item = &str> {
        self.clients.iter().map(String::as_str).chain([DESK])
    }

    fn end(&mut self, sim: &mut Sim<'_>, end: End) {
        match end {
            End::Release(client) => sim.release(&*client, SERVER.0),
            End::Repair(client) => sim.repair(&*client, SERVER.0),
            End::RepairFrom(from, to) => sim.repair_oneway(&*from, &*to),
            End::Faster => {
                self.latency = self.world.climate.latency;
                self.set_latency(sim);
            }
            End::Start => {
                self.at_once(sim, |sim| sim.bounce(SERVER.0));
                self.told("starts");
            }
            End::Die if self.is_up() => {
                self.world.disk.die(None, 0);
                self.go_down(sim, "deaths of broken servers");
            }
            End::Die => {}
        }
    }
}
