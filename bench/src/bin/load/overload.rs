//! What ten times the load that the server can carry does to it, and how long it remembers.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use rosterd_bench::figures::{Figures, number};
use rosterd_bench::program::{Place, Program};
use rosterd_bench::stream::{Make, press, send};
use rosterd_bench::wire::{self, Batch, Lines};

/// Records of the batches that overload the server.
const RECORDS: usize = 1000;
/// Batches that take turns, each of groups of its own. More than clients look for the peak: of two batches of the same
/// groups that are under way the later one is planned again in its turn.
const BATCHES: usize = 64;
const TIMES: f64 = 10.0;
/// Clients that look for the peak: not as many as would be refused.
const CLIENTS: [u64; 3] = [8, 16, 32];
/// Requests a second of those who are watched meanwhile.
const WATCHED: f64 = 20.0;
/// How long the peak is looked for with each number of clients, and what is measured in quiet.
const LOOK: Duration = Duration::from_secs(8);
/// Half the load, before and after the load has dropped.
const AFTERWARDS: Duration = Duration::from_secs(15);
/// Connections that send the largest body there may be, all at once.
const HOSTILE: usize = 300;
const LARGEST: usize = 32 << 20;

pub(crate) async fn run(seconds: u64) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    let program = Program::start(Place::new_directory()?)?;
    let key = program.new_tenant("first")?;
    let heavy = heavy(&key);
    let others = Others::new(&program, &key)?;
    let lines = Lines::to(program.address);

    // Every group is there before anything is measured.
    press(lines.clone(), CLIENTS[0], LOOK, Arc::clone(&heavy)).await;
    let before_it = look_for_peak(&mut out, &lines, &heavy).await?;
    let quiet = others.watch(LOOK).await;
    // As long as afterwards: what comes seldom has to be in both.
    let half = send(lines.clone(), before_it / 2.0, AFTERWARDS, Arc::clone(&heavy)).await;
    tell(&mut out, "half the peak", &half)?;
    let [before, _] = program.memory()?;

    let lasting = Duration::from_secs(seconds);
    let load = send(lines.clone(), before_it * TIMES, lasting, Arc::clone(&heavy));
    let (load, watched) = tokio::join!(load, others.watch(lasting));
    let [_, most] = program.memory()?;
    let after = send(lines.clone(), before_it / 2.0, AFTERWARDS, Arc::clone(&heavy)).await;

    // Once more, because others may use the machine: the two tell how far the figures can be trusted.
    let after_it = look_for_peak(&mut out, &lines, &heavy).await?;

    tell(&mut out, "ten times the peak", &load)?;
    let goodput = load.goodput();
    let ratios = [before_it, after_it].map(|peak| goodput / peak);
    writeln!(
        out,
        "  goodput {goodput:.1} batches/s: {:.2} of the peak before, {:.2} of the peak after",
        ratios[0], ratios[1]
    )?;
    writeln!(out, "  memory {before} MiB before, {most} MiB at most")?;
    for ((name, quiet), watched) in NAMES.iter().zip(&quiet).zip(&watched) {
        let [quiet, loaded] = [quiet, watched].map(|figures| figures.percentiles(200));
        let well = number(watched.count(200)) / number(watched.samples.len());
        writeln!(
            out,
            "  {name:<26} p50 {:7.1} -> {:7.1} ms   p99 {:7.1} -> {:7.1} ms   done {:5.1} %",
            quiet[0],
            loaded[0],
            quiet[1],
            loaded[1],
            100.0 * well
        )?;
    }
    tell(&mut out, "afterwards, half the peak", &after)?;
    match after.well_from(half.percentiles(200)[1]) {
        Some(second) => writeln!(out, "  back to normal after {second} s")?,
        None => writeln!(out, "  not back to normal within {} s", AFTERWARDS.as_secs())?,
    }
    hostile(&program, &key, &others, &mut out).await
}

/// The most batches a second, of so many clients that each wait for their answers.
async fn look_for_peak(out: &mut impl std::io::Write, lines: &Lines, heavy: &Make) -> anyhow::Result<f64> {
    let mut peak = 0.0_f64;
    for clients in CLIENTS {
        let pressed = press(lines.clone(), clients, LOOK, Arc::clone(heavy)).await;
        writeln!(out, "peak: {clients:>2} clients {:6.1} batches/s", pressed.goodput())?;
        peak = peak.max(pressed.goodput());
    }
    Ok(peak)
}

/// Bodies of 32 MiB on hundreds of connections.
async fn hostile(
    program: &Program,
    key: &str,
    others: &Others,
    out: &mut impl std::io::Write,
) -> anyhow::Result<()> {
    let (address, head) = (program.address, wire::post(key, LARGEST));
    let mut senders = JoinSet::new();
    for _ in 0..HOSTILE {
        let head = head.clone();
        senders.spawn(async move {
            let mut stream = wire::connect(address).await?;
            stream.write_all(&head).await?;
            let piece = vec![b' '; 64 << 10];
            for _ in 0..LARGEST / piece.len() {
                stream.write_all(&piece).await?;
                // They share their threads with those who are watched.
                tokio::task::yield_now().await;
            }
            Ok::<_, std::io::Error>(())
        });
    }
    let watched = others.watch(LOOK).await;
    let [_, most] = program.memory()?;
    senders.shutdown().await;
    writeln!(out, "{HOSTILE} connections that send {} MiB each: memory {most} MiB at most", LARGEST >> 20)?;
    for (name, watched) in NAMES.iter().zip(&watched) {
        tell(out, &format!("  {name}"), watched)?;
    }
    Ok(())
}

fn heavy(key: &str) -> Make {
    let batches: Vec<Batch> =
        (0..BATCHES).map(|batch| Batch::new(&format!("heavy-{batch}"), RECORDS, key)).collect();
    Arc::new(move |number| {
        let batch = usize::try_from(number).unwrap_or(0) % BATCHES;
        // Clients and phases number their requests alike, so the time makes names new.
        batches[batch].numbered(fresh())
    })
}

/// A number that was not given out before.
fn fresh() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

const NAMES: [&str; 4] =
    ["another tenant's batch of 1", "another tenant's read", "the same tenant's read", "GET /healthz"];

/// Those who should notice as little as can be.
struct Others {
    lines: Lines,
    makes: [Make; 4],
}

impl Others {
    fn new(program: &Program, first: &str) -> anyhow::Result<Self> {
        let key = program.new_tenant("other")?;
        let batch = Batch::new("other", 1, &key);
        let read = wire::get("/v3/groups?limit=10", &key);
        let same = wire::get("/v3/groups?limit=10", first);
        let health = wire::get("/healthz", "none");
        let makes: [Make; 4] = [
            Arc::new(move |_| batch.numbered(fresh())),
            Arc::new(move |_| read.clone()),
            Arc::new(move |_| same.clone()),
            Arc::new(move |_| health.clone()),
        ];
        Ok(Self { lines: Lines::to(program.address), makes })
    }

    async fn watch(&self, lasting: Duration) -> Vec<Figures> {
        let mut watching = JoinSet::new();
        for (place, make) in self.makes.iter().enumerate() {
            let (lines, make) = (self.lines.clone(), Arc::clone(make));
            watching.spawn(async move { (place, send(lines, WATCHED, lasting, make).await) });
        }
        let mut watched = watching.join_all().await;
        watched.sort_by_key(|(place, _)| *place);
        watched.into_iter().map(|(_, figures)| figures).collect()
    }
}

fn tell(out: &mut impl std::io::Write, name: &str, figures: &Figures) -> std::io::Result<()> {
    let [done, shed, lost] = [200, 503, 0].map(|status| figures.count(status));
    let others = figures.samples.len() - done - shed - lost;
    let [done_p, shed_p] = [200, 503].map(|status| figures.percentiles(status));
    writeln!(
        out,
        "{name}: done {done} (p50 {:.1} ms, p99 {:.1} ms), shed {shed} (p50 {:.1} ms, p99 {:.1} ms), \
         no answer {lost}, other answers {others}, not sent {}",
        done_p[0], done_p[1], shed_p[0], shed_p[1], figures.unsent
    )
}
