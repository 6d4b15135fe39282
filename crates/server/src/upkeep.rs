//! What the server does from time to time, whether anybody asks or not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::service::Service;
use crate::threads;

/// How long other servers may not know of a batch that changed nothing.
const RUNS_WAIT: Duration = Duration::from_secs(1);
/// What was not needed for so long, or at most twice as long, is given back.
const UNUSED: Duration = Duration::from_secs(5);
/// How long expired runs lie around, about: nobody sees them.
const FORGET: Duration = Duration::from_hours(1);

/// Starts all of it. It ends with the runtime.
pub(crate) fn start(service: &Arc<Service>) {
    tokio::spawn(flush(Arc::clone(service)));
    tokio::spawn(forget(Arc::clone(service)));
    tokio::spawn(give_back(Arc::clone(service)));
}

async fn flush(service: Arc<Service>) {
    let mut ticks = interval(RUNS_WAIT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        service.flush_for_others();
    }
}

async fn give_back(service: Arc<Service>) {
    let mut ticks = interval(UNUSED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let service = Arc::clone(&service);
        if let Err(error) = threads::wait(move || service.give_back()).await {
            tracing::warn!(error, "memory is kept that is not needed");
        }
    }
}

async fn forget(service: Arc<Service>) {
    let mut ticks = interval(FORGET);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let service = Arc::clone(&service);
        let done = threads::wait(move || service.forget_expired_runs()).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(%error, "expired runs are forgotten in an hour");
        }
    }
}
