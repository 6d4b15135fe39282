//! How much memory requests may hold: bodies as they arrive and unpacked, and answers that are not read
//! yet. Without it, as many connections as there may be could hold a body of 32 MiB each.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use directory::TenantId;
use faces::groups::Refusal;
use hyper::body::{Frame, SizeHint};
use metrics::{Gauge, gauge};

use super::App;
use super::answer::Refused;
use super::visit;
use crate::metrics::{Shed, count_shed};

/// What all requests together may hold. As with places, nobody takes more than is left: one tenant half
/// of it, which is one body of the largest size with its unpacked form and its answer.
pub(super) const BYTES: usize = 160 << 20;
/// What there must be room for before a read begins: a large page.
pub(super) const LARGE_ANSWER: usize = 1 << 20;
/// Shorter answers are not counted: there are no more of them than connections. Nor are those that need no
/// key, which are short, or the same for everybody and in memory once.
const WORTH_COUNTING: usize = 16 << 10;

/// The budget.
pub(super) struct Memory {
    taken: Mutex<Taken>,
    shown: Gauge,
}

#[derive(Default)]
struct Taken {
    bytes: usize,
    tenants: HashMap<TenantId, usize>,
}

impl Memory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), shown: gauge!("rosterd_http_memory_bytes") })
    }

    /// Refuses what is known to be larger than what can be held now, before it is begun.
    pub(super) fn look(&self, tenant: TenantId, bytes: usize) -> Result<(), Refusal> {
        if self.lock().fits(tenant, bytes) {
            return Ok(());
        }
        count_shed(Shed::Memory);
        Err(Refusal::Unavailable)
    }

    /// Nothing yet.
    pub(super) fn hold(self: &Arc<Self>, tenant: TenantId) -> Held {
        Held { memory: Arc::clone(self), tenant, bytes: 0 }
    }

    /// No panic happens while it is held, and every change is complete.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// What is held then must not be more than what was left before.
    fn fits(&self, tenant: TenantId, bytes: usize) -> bool {
        let held = self.tenants.get(&tenant).copied().unwrap_or(0);
        held.saturating_add(bytes) <= BYTES.saturating_sub(self.bytes)
    }
}

/// What one request holds, given back when dropped.
pub(super) struct Held {
    memory: Arc<Memory>,
    tenant: TenantId,
    bytes: usize,
}

impl Held {
    /// So many bytes more, if there are.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let mut taken = self.memory.lock();
        if taken.fits(self.tenant, bytes) {
            self.bytes += bytes;
            self.memory.add(&mut taken, self.tenant, bytes);
            return Ok(());
        }
        drop(taken);
        count_shed(Shed::Memory);
        Err(Refusal::Unavailable)
    }

    /// So many bytes more in any case: what is done cannot be refused any more.
    fn grow_anyway(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.memory.add(&mut self.memory.lock(), self.tenant, bytes);
    }
}

impl Memory {
    fn add(&self, taken: &mut Taken, tenant: TenantId, bytes: usize) {
        taken.bytes += bytes;
        *taken.tenants.entry(tenant).or_default() += bytes;
        self.shown.set(small(taken.bytes));
    }
}

fn small(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut taken = self.memory.lock();
        taken.bytes -= self.bytes;
        if let Some(held) = taken.tenants.get_mut(&self.tenant) {
            *held -= self.bytes;
            if *held == 0 {
                taken.tenants.remove(&self.tenant);
            }
        }
        self.memory.shown.set(small(taken.bytes));
    }
}

/// Counts an answer until its client has read it. To be called inside of the layer that packs answers.
/// Reads for which nothing is left are refused; what was written is told.
pub(super) async fn count_answer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let size = response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let counted = size.filter(|size| *size >= WORTH_COUNTING).zip(visit::tenant());
    let Some((size, tenant)) = counted else { return response };
    let mut held = app.memory.hold(tenant);
    if visit::has_written() {
        held.grow_anyway(size);
    } else if let Err(refusal) = held.grow(size) {
        return Refused::from(refusal).into_response();
    }
    response.map(|body| Body::new(Counted { body, _held: held }))
}

/// An answer with the memory it holds.
struct Counted {
    body: Body,
    _held: Held,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TenantId = TenantId(1);
    const OTHER: TenantId = TenantId(2);

    #[test]
    fn nobody_takes_more_than_is_left() {
        let memory = Memory::new();
        let mut held = memory.hold(ONE);
        assert_eq!(held.grow(BYTES / 2), Ok(()));
        assert_eq!(memory.hold(ONE).grow(1), Err(Refusal::Unavailable));
        assert_eq!(memory.look(ONE, 1), Err(Refusal::Unavailable));
        assert_eq!(memory.look(OTHER, BYTES / 2), Ok(()));
        let mut other = memory.hold(OTHER);
        assert_eq!(other.grow(BYTES / 4), Ok(()));
        assert_eq!(other.grow(1), Err(Refusal::Unavailable));
        held.grow_anyway(BYTES);
        assert_eq!(memory.look(TenantId(3), 1), Err(Refusal::Unavailable));
        drop((held, other));
        let taken = memory.lock();
        assert_eq!((taken.bytes, taken.tenants.len()), (0, 0));
    }
}
