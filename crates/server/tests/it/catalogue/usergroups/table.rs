//! The cases that do not hold as they stand in the catalogue, each with its reason. A line that is not needed any
//! more fails the run.

use super::super::table::Stand::{Deviates, Waits};
use super::super::table::{FRAMING, Line};

/// The published code of a payload that is refused for what it asks.
const PAYLOAD: &str = r#"{"face_b": {"status": 400, "code": 10017, "type": "PayloadValidationError"}}"#;
/// The same where the catalogue has another code of ours, too.
const KEY: &str = r#"{"code": "VALIDATION_ERROR", "face_b": {"status": 400, "code": 10017, "type": "PayloadValidationError"}}"#;

/// The lines of contract 2.
pub(in super::super) const TABLE: &[Line] = &[
    ("T-016", Deviates(FRAMING), "contract 1 §1: broken framing is BAD_REQUEST"),
    ("T-018", Deviates(FRAMING), "contract 1 §1: broken framing is BAD_REQUEST"),
    ("T-019", Deviates(FRAMING), "contract 1 §1: broken framing is BAD_REQUEST"),
    ("S-004", Deviates(PAYLOAD), "contract 2 §2: too many items is 10017"),
    (
        "P-009",
        Deviates(KEY),
        "contract 1 §1: a bad key is VALIDATION_ERROR; 10017 in the envelope of contract 2",
    ),
    (
        "P-010",
        Deviates(KEY),
        "contract 1 §1: a bad key is VALIDATION_ERROR; 10017 in the envelope of contract 2",
    ),
    (
        "P-012",
        Deviates(KEY),
        "contract 1 §1: a bad key is VALIDATION_ERROR; 10017 in the envelope of contract 2",
    ),
    ("P-013", Waits, "a crash at every disk call"),
    (
        "T-039",
        Waits,
        "a recipe; the least rate of bodies is held on a paused clock, in the unit tests of http",
    ),
    ("T-022", Waits, "an answer to HTTP/2's preface, at which hyper only closes the connection"),
    (
        "T-042",
        Waits,
        "ten thousand slow clients at once: `just slowloris` plays two thousand, outside the tests",
    ),
    ("L-006", Waits, "a minute of load: `just overload`, outside the tests (contract 1 §1 has UNAVAILABLE)"),
    ("L-007", Waits, "a minute of load: `just overload` has two tenants, outside the tests"),
    ("L-015", Waits, "a rig that fills the disk"),
    ("J-055", Waits, "the files of JSONTestSuite, which are not among the shared material"),
    ("K-010", Waits, "keys that expire"),
    ("K-015", Waits, "a timing rig"),
];
