//! `rosterd serve`

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context as _;
use clap::builder::RangedU64ValueParser;
use directory::{Clock as _, DEPTH_LIMIT};
use store::{Durability, Options, Purpose, Store, Tenant, sabotage};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::administration::{ensure_whole, say};
use super::listening::Listening;
use super::rates::Rates;
use crate::audit;
use crate::auth::{NewKey, Scope, new_key};
use crate::clock::SystemClock;
use crate::config::{Misconfigured, StoreLocation};
use crate::http::admission::THREADS;
use crate::http::tls::Tls;
use crate::http::{App, Settings, connection, router};
use crate::service::Service;
use crate::{logging, metrics, upkeep};

/// The tenant that an empty store gets.
const FIRST_TENANT: &str = "default";
const HOUR_MS: i64 = 3_600_000;
/// `SIGXFSZ`: a file grew over its limit. Left alone it kills the process; handled, the write fails and
/// is answered. Not named by tokio; the number is the same on every Linux architecture but MIPS and PA-RISC.
const FILE_TOO_LARGE: i32 = 25;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: StoreLocation,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    listening: Listening,
    /// The deepest level a group may lie on; a root is level 1. Groups that lie deeper already stay where
    /// they are.
    #[arg(
        long,
        value_name = "LEVELS",
        env = "ROSTERD_MAX_DEPTH",
        default_value_t = DEPTH_LIMIT,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000)
    )]
    max_depth: usize,
    /// How many hours an answer is kept for its Idempotency-Key.
    #[arg(
        long,
        value_name = "HOURS",
        env = "ROSTERD_IDEMPOTENCY_HOURS",
        default_value_t = 24,
        value_parser = clap::value_parser!(u16).range(1..=8760)
    )]
    idempotency_hours: u16,
    /// How many days it is kept what became of a batch (GET /v3/runs), with the records that failed.
    #[arg(
        long,
        value_name = "DAYS",
        env = "ROSTERD_RUNS_DAYS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=3650)
    )]
    runs_days: u16,
    #[command(flatten)]
    rates: Rates,
}

/// What matters where the store is a database.
#[derive(Debug, clap::Args)]
struct DatabaseOptions {
    /// How many connections to the database each of reading answers, planning and writing may take
    /// [default: twice the processors, 4-16]
    #[arg(long, value_name = "COUNT", env = "ROSTERD_DATABASE_CONNECTIONS")]
    database_connections: Option<NonZeroUsize>,
    /// Serve from a database that loses what it has acknowledged when its machine fails (fsync=off and the like)
    #[arg(long)]
    accept_data_loss: bool,
}

impl DatabaseOptions {
    fn options(&self) -> Options {
        let durability = if self.accept_data_loss { Durability::Waived } else { Durability::Required };
        Options { durability, readers: self.database_connections, ..Options::new(Purpose::Serve) }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    sabotage::check().map_err(Misconfigured)?;
    logging::start();
    let recorder = metrics::install().context("cannot start the metrics")?;
    let location = arguments.data.location()?;
    let rates = arguments.rates.limits()?;
    let store = store::open_at(&location, &arguments.database.options())
        .with_context(|| format!("cannot serve from {location}"))?;
    ensure_whole(&*store)?;
    if store::read(&*store, |reader| reader.has_checksums())? == Some(false) {
        tracing::warn!(
            "the database server keeps no data checksums: it does not notice bits that change on its disks"
        );
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().max_blocking_threads(THREADS).build()?;
    let (entrance, url) = runtime.block_on(arguments.listening.open())?;
    // Where threads may wait.
    let first_key = first_key(&*store)?;
    runtime.block_on(async {
        say(&format!("data in {location}"));
        say(&format!("listening on {url}"));
        if let Some(key) = first_key {
            greet(&key, &url);
        }
        tokio::spawn(metrics::upkeep(recorder.clone()));
        let service = Arc::new(Service::new(
            store,
            Box::new(SystemClock),
            arguments.max_depth,
            i64::from(arguments.idempotency_hours) * HOUR_MS,
            i64::from(arguments.runs_days) * 24 * HOUR_MS,
        ));
        let settings = Settings {
            rates,
            connections: entrance.limits,
            max_depth: arguments.max_depth,
            idempotency_hours: arguments.idempotency_hours,
            runs_days: arguments.runs_days,
        };
        upkeep::start(&service);
        let app = Arc::new(App::new(Arc::clone(&service), recorder, &settings)?);
        if let Some(tls) = &entrance.tls {
            reload_on_hangup(Arc::clone(tls))?;
        }
        let stop = stop_on_signal(Arc::clone(&app))?;
        let finished = connection::serve(entrance, router(app), stop).await;
        tokio::task::spawn_blocking(move || service.close()).await?;
        tracing::info!(finished, "stopped");
        Ok(())
    })
}

/// On an empty store: creates the first tenant and its first key.
fn first_key(store: &dyn Store) -> anyhow::Result<Option<NewKey>> {
    if !store::read(store, |reader| reader.tenants())?.is_empty() {
        return Ok(None);
    }
    let now = SystemClock.now();
    let created: Option<Tenant> =
        store::write(store, move |transaction| transaction.create_tenant(FIRST_TENANT, now))?;
    // Another server has started on the same database at the same moment, and shows the key.
    let Some(tenant) = created else { return Ok(None) };
    let key = new_key(tenant.id, &Scope::ALL, now)?;
    let stored = key.stored.clone();
    store::write(store, move |transaction| transaction.create_access_key(&stored))?;
    audit::key_created(&key.stored, FIRST_TENANT);
    Ok(Some(key))
}

/// Shows the first key, the only time it can be shown, with a request that works as it stands.
fn greet(key: &NewKey, url: &str) {
    say(&format!("created tenant {FIRST_TENANT} with its first access key, shown only now:"));
    say("");
    say(&format!("    {}", key.text));
    say("");
    say("try it:");
    say("");
    say(&format!("    curl {url}/v3/groups/batch-upsert \\"));
    say(&format!("      -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\", key.text));
    say(r#"      -d '{"groups":[{"externalReferenceId":"class-1a","name":"Class 1a"}]}'"#);
    say("");
}

/// SIGHUP reads certificate and key again. What cannot be used does not end what can.
fn reload_on_hangup(tls: Arc<Tls>) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match tls.reload() {
                Ok(()) => tracing::info!("the TLS certificate was reloaded"),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "the TLS certificate was not reloaded: the one before stays"
                ),
            }
        }
    });
    Ok(())
}

/// The first SIGTERM or SIGINT stops the server cleanly, the second one at once.
fn stop_on_signal(app: Arc<App>) -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut file_too_large = signal(SignalKind::from_raw(FILE_TOO_LARGE))?;
    tokio::spawn(async move {
        let mut signals = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => signals += 1,
                _ = interrupt.recv() => signals += 1,
                _ = file_too_large.recv() => tracing::error!("a file has reached its size limit"),
            }
            if signals == 1 && !stopping.is_cancelled() {
                tracing::info!("stopping: finishing what is under way");
                app.drain();
                stopping.cancel();
            }
            if signals > 1 {
                std::process::exit(1);
            }
        }
    });
    Ok(stop)
}
