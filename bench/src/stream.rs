//! A stream of requests, each at its time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::figures::{Figures, Sample};
use crate::wire::Lines;

/// Requests that may be unanswered at a time; what would be more is not sent, and counted.
const UNANSWERED: usize = 3500;

/// Makes the request of this number.
pub type Make = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// Sends so many requests a second, for so long, and waits for their answers.
pub async fn send(lines: Lines, rate: f64, lasting: Duration, make: Make) -> Figures {
    let started = Instant::now();
    let samples = Arc::new(Mutex::new(Vec::new()));
    let places = Arc::new(tokio::sync::Semaphore::new(UNANSWERED));
    let mut unsent = 0;
    let mut sent = tokio::task::JoinSet::new();
    for number in 0_u32.. {
        let due = started + Duration::from_secs_f64(f64::from(number) / rate);
        if due >= started + lasting {
            break;
        }
        sleep_until(due).await;
        while sent.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            unsent += 1;
            continue;
        };
        let (lines, make, samples) = (lines.clone(), Arc::clone(&make), Arc::clone(&samples));
        sent.spawn(async move {
            let status = lines.ask(&make(u64::from(number))).await.unwrap_or(0);
            let sample = Sample { due: due - started, took: due.elapsed(), status };
            samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
            drop(place);
        });
    }
    while sent.join_next().await.is_some() {}
    let samples = std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner));
    Figures { lasting, samples, unsent }
}

/// As many requests as so many clients send that each wait for their answer.
pub async fn press(lines: Lines, clients: u64, lasting: Duration, make: Make) -> Figures {
    let started = Instant::now();
    let mut pressing = tokio::task::JoinSet::new();
    for client in 0..clients {
        let (lines, make) = (lines.clone(), Arc::clone(&make));
        pressing.spawn(async move {
            let mut samples = Vec::new();
            let mut number = client;
            while started.elapsed() < lasting {
                let due = Instant::now();
                let status = lines.ask(&make(number)).await.unwrap_or(0);
                samples.push(Sample { due: due - started, took: due.elapsed(), status });
                number += clients;
            }
            samples
        });
    }
    let samples = pressing.join_all().await.into_iter().flatten().collect();
    Figures { lasting, samples, unsent: 0 }
}
