//! What the descriptions of other faces have in common with this one.

use serde_json::Value;

use super::{problems, runs, writes};
use crate::groups::refusal::Refusal;

/// The header fields that tell the limits of a key.
pub(crate) fn rates() -> Value {
    problems::rates()
}

/// The header that names the run.
pub(crate) fn run_id() -> Value {
    runs::run_id_header()["Rosterd-Run-Id"].clone()
}

/// The parameter `Idempotency-Key`.
pub(crate) fn idempotency_key() -> Value {
    writes::idempotency_key()
}

/// What a call is refused for that reads or writes, with or without a body.
pub(crate) fn shared(writes: bool, has_body: bool) -> Vec<Refusal> {
    let scope = if writes { "groups:write" } else { "groups:read" };
    let mut all = problems::of_every_call(scope);
    if writes {
        all.extend(problems::of_writes_without_body());
    }
    if has_body {
        all.extend(problems::of_bodies());
    }
    all.into_iter().filter_map(|refused| refused.refusal).collect()
}
