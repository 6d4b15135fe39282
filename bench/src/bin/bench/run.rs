//! A run: rounds in which bare programs and servers take turns.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rosterd_bench::figures::float;

use crate::calibrate::Answerer;
use crate::driver::{Answers, Driven, Queue, Supply, drive};
use crate::machine::{self, Machine};
use crate::options::{Engine, Options};
use crate::raw::{Took, postgres, sqlite};
use crate::records::Version;
use crate::requests::{Face, Load, Phase};
use crate::results::{BARE, Place, ROSTERD, Results, Sample, Samples, TWO_SERVERS};
use crate::served::{Postgres, Served, database};
use crate::{latency, rest, usage};

/// From so many groups on, a tenant is filled once and kept for all rounds.
const KEPT: u64 = 100_000;
/// A measurement of the driver takes at least this long.
const CALIBRATION: Duration = Duration::from_millis(300);
/// Records that are sent one by one, to show what that costs.
const SINGLE: u64 = 2000;
/// Connections that two servers share.
const SHARED: u64 = 16;

/// What is measured in one go.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// All phases of a loop on `SQLite`, into a file that holds so many groups.
    Loop(sqlite::Loop, u64),
    /// All phases of the bare program on `PostgreSQL`, on so many connections.
    Program(postgres::Way, u64),
    /// All phases of a server.
    Case(Case),
    /// Requests at a steady rate.
    Latency(Engine, u64),
    /// A server with nothing to do.
    Rest(u64),
}

/// A server and what it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) engine: Engine,
    pub(crate) face: Face,
    pub(crate) connections: u64,
    pub(crate) stored: u64,
    pub(crate) records: u64,
    pub(crate) batch: u64,
    pub(crate) servers: Servers,
}

/// How many servers there are on one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Servers {
    One,
    /// Each has half of the connections.
    Two,
    /// None of rosterd's, but one that does no more than to store.
    Bare,
}

impl Case {
    pub(crate) fn place(&self, phase: Phase) -> Place {
        let program = match (self.engine, self.servers) {
            (Engine::Unknown, _) => "the server",
            (_, Servers::One) => ROSTERD,
            (_, Servers::Two) => TWO_SERVERS,
            (_, Servers::Bare) => BARE,
        };
        Place {
            engine: self.engine,
            stored: self.stored,
            batch: self.batch,
            face: Some(self.face),
            connections: self.connections,
            phase,
            program: program.to_owned(),
        }
    }

    /// The embedded store has one writer, and a tenant that holds groups is one: connections share it. On a database
    /// each has its own, as the bare program has it.
    fn tenants(&self) -> u64 {
        if self.engine == Engine::Postgres && self.stored == 0 { self.connections } else { 1 }
    }
}

/// Servers that are kept, by engine, contract and groups.
pub(crate) type Kept<'p> = BTreeMap<(Engine, Face, u64), Served<'p>>;

pub(crate) struct Run<'p> {
    pub(crate) options: &'p Options,
    pub(crate) postgres: Option<&'p Postgres>,
    pub(crate) samples: Samples,
    pub(crate) kept: Kept<'p>,
    /// Files of loops that are kept, by loop and groups.
    files: BTreeMap<(String, u64), sqlite::Filled>,
    /// Records a second with the server that does nothing.
    nothing: BTreeMap<(Face, u64, u64, Phase), f64>,
}

/// Measures everything that was asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<Results> {
    let engines = options.engines();
    let postgres = engines.contains(&Engine::Postgres).then(Postgres::start).transpose()?;
    let version = postgres.as_ref().map(Postgres::version).transpose()?;
    // As it is when the run begins, whatever is edited meanwhile.
    let (machine, commit) = (Machine::here(version), machine::commit());
    warn(&machine)?;
    let mut run = Run {
        options,
        postgres: postgres.as_ref(),
        samples: Samples::default(),
        kept: Kept::new(),
        files: BTreeMap::new(),
        nothing: BTreeMap::new(),
    };
    let (mut latencies, mut rests) = (Vec::new(), Vec::new());
    let steps = run.steps();
    let started = Instant::now();
    for (place, (round, step)) in steps.iter().enumerate() {
        let done = match *step {
            Step::Loop(way, stored) => run.sqlite(way, stored, u64::from(*round))?,
            Step::Program(way, connections) => run.database(way, connections)?,
            Step::Case(case) => run.case(&case, u64::from(*round))?,
            Step::Latency(engine, stored) => {
                let measured = latency::measure(&mut run, engine, stored)?;
                let said = latency::tell(&measured);
                latencies.extend(measured);
                said
            }
            Step::Rest(stored) => {
                let measured = rest::measure(&mut run, stored)?;
                let said = format!("at rest: {measured:?}");
                rests.extend(measured);
                said
            }
        };
        progress([place + 1, steps.len()], started.elapsed(), &done)?;
    }
    Ok(Results {
        command: command(),
        commit,
        shape: options.shape.clone(),
        rounds: options.rounds(),
        rows: run.samples.rows(machine.cores),
        machine,
        latencies,
        rests,
    })
}

fn command() -> String {
    // A key is nobody's business.
    let mut words = std::env::args().skip(1).collect::<Vec<_>>();
    for place in 0..words.len() {
        if words[place].starts_with("--key=") {
            "--key=KEY".clone_into(&mut words[place]);
        }
        if place > 0 && words[place - 1] == "--key" {
            "KEY".clone_into(&mut words[place]);
        }
    }
    ["just bench".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

fn warn(machine: &Machine) -> std::io::Result<()> {
    let mut out = anstream::stderr();
    if machine.load > 0.5 {
        writeln!(out, "warning: others are at work here (load {}), which disturbs", machine.load)?;
    }
    if machine.file_system == "tmpfs" {
        writeln!(out, "warning: stores lie in memory, where fsync costs nothing: set TMPDIR to a disk")?;
    }
    Ok(())
}

fn progress([done, all]: [usize; 2], elapsed: Duration, said: &str) -> std::io::Result<()> {
    let left = elapsed.as_secs_f64() * float((all - done) as u64) / float(done as u64);
    writeln!(anstream::stderr(), "[{done}/{all}, about {:.0} min left] {said}", (left / 60.0).ceil())
}

impl<'p> Run<'p> {
    /// Everything, in the order in which it is measured: all of a round, then all of the next.
    fn steps(&self) -> Vec<(u32, Step)> {
        let options = self.options;
        let mut steps = Vec::new();
        for round in 0..options.rounds() {
            for engine in options.engines() {
                steps.extend(self.cases(engine).into_iter().map(|step| (round, step)));
            }
        }
        let (last, most) = (options.rounds() - 1, options.stored().into_iter().max().unwrap_or(0));
        let is_own = options.url.is_none();
        for engine in options.engines().into_iter().filter(|_| is_own) {
            let stored = options.stored().into_iter().filter(|stored| *stored == 0 || *stored == most);
            let is_wanted = options.seconds() > 0;
            steps.extend(stored.filter(|_| is_wanted).map(|stored| (last, Step::Latency(engine, stored))));
            if engine == Engine::Sqlite && most >= KEPT {
                steps.push((last, Step::Rest(most)));
            }
        }
        steps
    }

    fn cases(&self, engine: Engine) -> Vec<Step> {
        let options = self.options;
        let mut steps = Vec::new();
        for stored in options.stored() {
            let records = options.records(stored);
            if engine == Engine::Sqlite {
                let loops = if stored == 0 { &sqlite::LOOPS[..] } else { &sqlite::INTO };
                steps.extend(loops.iter().map(|way| Step::Loop(*way, stored)));
            }
            for connections in options.connections(stored) {
                if engine == Engine::Postgres && stored == 0 {
                    steps.extend(postgres::WAYS.map(|way| Step::Program(way, connections)));
                }
                for face in options.faces(stored) {
                    let (batch, servers) = (options.batch, Servers::One);
                    let case = Case { engine, face, connections, stored, records, batch, servers };
                    steps.push(Step::Case(case));
                    if stored == 0 && face == Face::Groups && engine != Engine::Unknown {
                        steps.push(Step::Case(Case { servers: Servers::Bare, ..case }));
                    }
                    // Whether one more server is of use is asked where one has the most to do.
                    if engine == Engine::Postgres
                        && [stored, connections] == [0, SHARED]
                        && face == Face::Groups
                    {
                        steps.push(Step::Case(Case { servers: Servers::Two, ..case }));
                    }
                }
            }
        }
        if options.stored().contains(&0) && options.url.is_none() && options.connections.is_empty() {
            let records = if options.quick { SINGLE / 4 } else { SINGLE };
            let (face, servers) = (options.faces(0)[0], Servers::One);
            let case = Case { engine, face, connections: 4, stored: 0, records, batch: 1, servers };
            steps.push(Step::Case(case));
            if face == Face::Groups {
                steps.push(Step::Case(Case { servers: Servers::Bare, ..case }));
            }
        }
        steps
    }

    fn sqlite(&mut self, way: sqlite::Loop, stored: u64, round: u64) -> anyhow::Result<String> {
        let (records, shape) = (self.options.records(stored), &self.options.shape);
        let kept = self.files.remove(&(way.name(), stored));
        let mut file = kept.map_or_else(|| way.fill(shape, stored), Ok)?;
        let took = way.measure(&mut file, shape, records, round)?;
        if stored >= KEPT {
            self.files.insert((way.name(), stored), file);
        }
        let place = Place {
            engine: Engine::Sqlite,
            stored,
            batch: way.transaction,
            face: None,
            connections: 1,
            phase: Phase::First,
            program: way.name(),
        };
        Ok(self.add_raw(&place, records, way.phases(), &took))
    }

    fn database(&mut self, way: postgres::Way, connections: u64) -> anyhow::Result<String> {
        let Some(server) = self.postgres else { return Ok(String::new()) };
        let Options { batch, shape, .. } = self.options;
        let records = self.options.records(0) / connections * connections;
        let name = server.new_database();
        let url = server.url(&name);
        way.prepare(&url)?;
        let took = postgres::measure(way, &url, shape, [records, *batch], connections, || server.usage())?;
        server.drop_database(&name);
        let place = Place {
            engine: Engine::Postgres,
            stored: 0,
            batch: *batch,
            face: None,
            connections,
            phase: Phase::First,
            program: way.name().to_owned(),
        };
        Ok(self.add_raw(&place, records, way.phases(), &took))
    }

    fn add_raw(&mut self, place: &Place, records: u64, phases: &[Phase], took: &[Took]) -> String {
        let mut said = format!(
            "{}, {} connections, {}, into {}:",
            place.engine.name(),
            place.connections,
            place.program,
            place.stored
        );
        for (phase, took) in phases.iter().zip(took) {
            let [program, database] = took.busy;
            let busy = [program, Duration::ZERO, database];
            let sample =
                Sample { records, lasted: took.lasted, busy, written: took.written, ..Sample::default() };
            said += &tell(*phase, &sample);
            self.samples.add(Place { phase: *phase, ..place.clone() }, sample);
        }
        said
    }

    /// The server of a case: a new one, or the one that is kept.
    pub(crate) fn served(&mut self, case: &Case) -> anyhow::Result<Served<'p>> {
        if let Some(kept) = self.kept.remove(&(case.engine, case.face, case.stored)) {
            return Ok(kept);
        }
        if case.engine == Engine::Unknown {
            return Served::at_url(self.options);
        }
        let database = database(case.engine, self.postgres);
        if case.servers == Servers::Bare {
            return Served::bare(database, case.tenants());
        }
        let served = Served::start(database, case.tenants(), case.servers)?;
        if case.stored > 0 {
            self.fill(case, &served)?;
        }
        Ok(served)
    }

    /// Those with many groups, and the one that is not ours, are used again.
    pub(crate) fn keep(&mut self, case: &Case, mut served: Served<'p>) {
        served.sent += case.records / served.keys.len() as u64;
        if case.engine == Engine::Unknown || case.stored >= KEPT {
            self.kept.insert((case.engine, case.face, case.stored), served);
        }
    }

    fn fill(&self, case: &Case, served: &Served<'_>) -> anyhow::Result<()> {
        let load = Load::new(&self.options.shape, case.face, [0, case.stored], 1000);
        let make = |place: usize| load.request(place, Phase::First, Version::default());
        let queue = Queue { key: &served.keys[0], count: load.batches.len(), supply: Supply::Made(&make) };
        let started = Instant::now();
        drive(&[&served.host], case.face, &[queue], 16, Answers::Held)?;
        served.settle()?;
        let took = started.elapsed().as_secs_f64();
        writeln!(anstream::stderr(), "  a tenant with {} groups was made in {took:.1} s", case.stored)
            .map_err(Into::into)
    }

    fn case(&mut self, case: &Case, round: u64) -> anyhow::Result<String> {
        let served = self.served(case)?;
        let count = case.records / served.keys.len() as u64;
        let load = Load::new(&self.options.shape, case.face, [case.stored + served.sent, count], case.batch);
        let mut version = Version::default();
        let mut said = format!(
            "{}, {}, {} connections, {:?} of {}, into {}:",
            case.engine.name(),
            case.place(Phase::First).program,
            case.connections,
            case.face,
            case.batch,
            case.stored
        );
        let mut phases = self.options.phases();
        let is_asked = phases.first() == Some(&Phase::First);
        if !is_asked && case.stored == 0 {
            phases.insert(0, Phase::First);
        }
        for phase in phases {
            let last = match (case.batch, case.servers) {
                (_, Servers::Two) => Phase::Unchanged,
                (1, _) | (_, Servers::Bare) => Phase::Changed,
                _ => Phase::Mixed,
            };
            if phase > last {
                continue;
            }
            let is_stored = case.stored > 0 && phase != Phase::First;
            let of_stored = is_stored.then(|| load.clone().of_stored(case.stored, case.batch, round));
            let load = of_stored.as_ref().unwrap_or(&load);
            let (sample, after) = self.phase(case, &served, load, phase, version)?;
            version = after;
            if is_asked || phase != Phase::First {
                said += &tell(phase, &sample);
                self.samples.add(case.place(phase), sample);
            }
        }
        self.keep(case, served);
        Ok(said)
    }

    fn phase(
        &mut self,
        case: &Case,
        served: &Served<'_>,
        load: &Load<'_>,
        phase: Phase,
        version: Version,
    ) -> anyhow::Result<(Sample, Version)> {
        let connections = usize::try_from(case.connections)?;
        let (requests, after) = load.requests(phase, version);
        let records = requests.iter().map(|request| request.records as u64).sum::<u64>();
        let queues: Vec<Queue<'_>> =
            served.keys.iter().map(|key| Queue::built(&served.host, key, requests.clone())).collect();
        drop(requests);
        served.forget_peak();
        let (before, own) = (served.used()?, usage::own());
        // It knows nothing of what it would have to say.
        let answers = if case.servers == Servers::Bare { Answers::LookedAt } else { Answers::Held };
        let Driven { lasted, writes, reads, refused, answer } =
            drive(&served.hosts(), case.face, &queues, connections, answers).with_context(|| {
                let hint = "has the server these records from another run? Then choose another --seed";
                if case.engine == Engine::Unknown { hint } else { phase.name() }
            })?;
        let own = usage::own().since(own).busy;
        // What the server does later for what it was told now counts as well.
        served.settle()?;
        let ([program, database], written) = served.used()?.since(before);
        let [_, peak_mib] = served.memory()?;
        let driver_rate = match (phase, case.servers) {
            // Its answers are shorter.
            (Phase::Mixed, _) | (_, Servers::Bare) => None,
            _ => Some(self.calibrate(case, phase, &queues, &answer)?),
        };
        let busy = [program, own, database];
        let records = records * served.keys.len() as u64;
        let sample = Sample { records, lasted, busy, written, peak_mib, writes, reads, refused, driver_rate };
        Ok((sample, after))
    }

    /// What the driver reaches with the same requests and a server that does nothing, once for all rounds.
    fn calibrate(
        &mut self,
        case: &Case,
        phase: Phase,
        queues: &[Queue<'_>],
        answer: &[u8],
    ) -> anyhow::Result<f64> {
        let key = (case.face, case.batch, case.connections, phase);
        if let Some(rate) = self.nothing.get(&key) {
            return Ok(*rate);
        }
        let answerer = Answerer::with(answer)?;
        let connections = usize::try_from(case.connections)?;
        let (started, mut rate) = (Instant::now(), 0.0_f64);
        // The best counts: others that disturb make no driver faster.
        while rate <= 0.0 || started.elapsed() < CALIBRATION {
            let driven = drive(&[&answerer.host], case.face, queues, connections, Answers::LookedAt)?;
            let records = float(driven.writes.len() as u64 * case.batch);
            rate = rate.max(records / driven.lasted.as_secs_f64());
        }
        self.nothing.insert(key, rate);
        Ok(rate)
    }
}

fn tell(phase: Phase, sample: &Sample) -> String {
    format!(" {} {:.0}k/s;", phase.name(), sample.rate() / 1000.0)
}
