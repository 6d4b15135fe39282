//! What two thousand slow clients do to a good one.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;

use rosterd_bench::program::{Place, Program};
use rosterd_bench::stream::{Make, send};
use rosterd_bench::wire::{self, Batch, Lines};

const SOCKETS: usize = 2000;
/// Requests a second of the good client, of each kind.
const RATE: f64 = 100.0;
/// Turns of quiet and attack.
const ROUNDS: usize = 3;
const SECOND: Duration = Duration::from_secs(1);

/// What a slow client does.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A header line every two seconds.
    Head,
    /// A byte of a body every second.
    Body,
    /// Nothing.
    Silent,
    /// Takes a few bytes of its answer every second.
    Reader,
}

const KINDS: [Kind; 4] = [Kind::Head, Kind::Body, Kind::Silent, Kind::Reader];

pub(crate) async fn run(seconds: u64) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    let program = Program::start(Place::new_directory()?)?;
    let key = program.new_tenant("first")?;
    let lines = Lines::to(program.address);
    // Something to read slowly.
    lines.ask(&Batch::new("stock", 1000, &key).numbered(0)).await?;
    let good = program.new_tenant("good")?;
    let (batch, read) = (Batch::new("good", 1, &good), wire::get("/v3/groups?limit=10", &good));
    let kinds: [(&str, Make); 2] = [
        ("a batch of 1", Arc::new(move |number| batch.numbered(number))),
        ("a read", Arc::new(move |_| read.clone())),
    ];
    let lasting = Duration::from_secs(seconds);
    let mut ratios = [const { Vec::new() }; 2];
    for round in 1..=ROUNDS {
        let quiet = measure(&lines, &kinds, lasting).await;
        let mut slow = attack(program.address, &key);
        sleep(2 * SECOND).await;
        let attacked = measure(&lines, &kinds, lasting).await;
        let [now, _] = program.memory()?;
        slow.shutdown().await;
        for (place, (name, _)) in kinds.iter().enumerate() {
            let (quiet, attacked) = (&quiet[place], &attacked[place]);
            ratios[place].push(attacked[1] / quiet[1]);
            writeln!(
                out,
                "round {round}: {name:<13} p50 {:.2} -> {:.2} ms, p99 {:.2} -> {:.2} ms; memory {now} MiB",
                quiet[0], attacked[0], quiet[1], attacked[1]
            )?;
        }
        sleep(SECOND).await;
    }
    for ((name, _), mut ratios) in kinds.iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        writeln!(
            out,
            "{SOCKETS} slow sockets: {name}: p99 x {:.2} (median of {ROUNDS})",
            ratios[ROUNDS / 2]
        )?;
    }
    Ok(())
}

/// The middle and the 99th of a hundred times, of each kind of request.
async fn measure(lines: &Lines, kinds: &[(&str, Make); 2], lasting: Duration) -> [[f64; 2]; 2] {
    let [one, other] = kinds.each_ref().map(|(_, make)| send(lines.clone(), RATE, lasting, Arc::clone(make)));
    let (one, other) = tokio::join!(one, other);
    [one, other].map(|figures| figures.percentiles(200))
}

/// Slow clients that come again when they are sent away.
fn attack(address: SocketAddr, key: &str) -> JoinSet<()> {
    let mut slow = JoinSet::new();
    for number in 0..SOCKETS {
        let (kind, key) = (KINDS[number % KINDS.len()], key.to_owned());
        slow.spawn(async move {
            loop {
                drop(dawdle(kind, address, &key).await);
                sleep(SECOND).await;
            }
        });
    }
    slow
}

async fn dawdle(kind: Kind, address: SocketAddr, key: &str) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    if matches!(kind, Kind::Reader) {
        socket.set_recv_buffer_size(4096)?;
    }
    let mut stream = socket.connect(address).await?;
    match kind {
        Kind::Head => {
            stream.write_all(b"GET /v3/groups HTTP/1.1\r\nhost: h\r\n").await?;
            loop {
                sleep(2 * SECOND).await;
                stream.write_all(b"x-more: of this\r\n").await?;
            }
        }
        Kind::Body => {
            stream.write_all(&wire::post(key, 1000)).await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(SECOND).await;
            }
        }
        Kind::Silent => drop(stream.read(&mut [0]).await?),
        Kind::Reader => {
            stream.write_all(&wire::get("/v3/groups?limit=1000", key)).await?;
            while stream.read(&mut [0; 256]).await? > 0 {
                sleep(SECOND).await;
            }
        }
    }
    Ok(())
}
