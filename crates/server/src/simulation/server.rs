//! The server of a simulated world: everything that `rosterd serve` puts together, on another network, store
//! and clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics_exporter_prometheus::PrometheusBuilder;
use store::{Store as _, Turn};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpListener;

use super::fibers;
use super::line::Line;
use super::wire::SERVER;
use super::world::{SimulatedClock, World, lock};
use crate::auth::{Scope, new_key};
use crate::http::connection::Entrance;
use crate::http::{App, Settings, connection, places, rates, router};
use crate::service::Service;
use crate::upkeep;
use directory::Clock as _;

const DEPTH: usize = 64;
const HOUR_MS: i64 = 3_600_000;
const SETTINGS: Settings = Settings {
    rates: rates::Limits { requests: None, records: Some(10_000) },
    connections: places::Limits { total: 24, of_one_address: 12 },
    max_depth: DEPTH,
    idempotency_hours: 24,
    runs_days: 30,
};

/// A tenant on a new disk, and keys of it, one for each client.
pub(super) fn found(world: &Arc<World>, clients: usize) -> Vec<String> {
    let now = SimulatedClock(Arc::clone(world)).now();
    let engine = world.disk.mount().unwrap();
    let line = Line::new(world, engine);
    let tenant = store::write(&line, move |tx| tx.create_tenant("simulated", now)).unwrap().unwrap().id;
    let keys = (0..clients).map(|_| {
        let key = new_key(tenant, &Scope::ALL, now).unwrap();
        let stored = key.stored.clone();
        store::write_for(&line, Turn::Common, move |tx| tx.create_access_key(&stored)).unwrap();
        key.text
    });
    let keys = keys.collect();
    line.close();
    keys
}

/// Serves until it is stopped, or the machine goes down.
pub(super) async fn serve(world: Arc<World>) -> turmoil::Result {
    world.is_broken.store(false, Ordering::SeqCst);
    let line = Line::new(&world, world.disk.mount()?);
    let writer = tokio::spawn(line.clone().work());
    let clock = Box::new(SimulatedClock(Arc::clone(&world)));
    let [answers, runs] = [i64::from(SETTINGS.idempotency_hours), i64::from(SETTINGS.runs_days) * 24];
    let service = Arc::new(Service::new(Box::new(line), clock, DEPTH, answers * HOUR_MS, runs * HOUR_MS));
    upkeep::start(&service);
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let rates = rates::Limits { requests: Some(world.climate.rate), ..SETTINGS.rates };
    let app = Arc::new(App::new(Arc::clone(&service), metrics, &Settings { rates, ..SETTINGS })?);
    let listener = TcpListener::bind(("0.0.0.0", SERVER.1)).await?;
    let entrance = Entrance { listener, limits: SETTINGS.connections, tls: None };
    let (stop, draining) = (CancellationToken::new(), Arc::downgrade(&app));
    let stopping = stop.clone();
    *lock(&world.stop) = Some(Box::new(move || {
        if let Some(app) = draining.upgrade() {
            app.drain();
        }
        stopping.cancel();
    }));
    let finished = connection::serve(entrance, router(app), stop).await;
    fibers::wait(&world, move || service.close()).await?;
    writer.abort();
    world.tell("server", &format!("stopped, finished {finished}"));
    Ok(())
}
