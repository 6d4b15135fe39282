//! The cases that do not hold as they stand in the catalogue, each with its reason. A line that is not
//! needed any more fails the run.

/// How a case stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stand {
    /// The catalogue contradicts `contracts/` or `rules.md`, which win: this is expected instead. The
    /// members given here take the place of those in `expect`.
    Deviates(&'static str),
    /// It needs something that is not there yet.
    Waits,
}

use Stand::{Deviates, Waits};

/// Id, what holds instead, why.
pub(super) type Line = (&'static str, Stand, &'static str);

/// hyper reads chunks, and the contract has one code for all broken framing.
pub(super) const FRAMING: &str = r#"{"code": "BAD_REQUEST"}"#;

/// The lines of contract 1.
pub(super) const TABLE: &[Line] = &[
    ("T-016", Deviates(FRAMING), "contract 1 §1: broken framing is BAD_REQUEST"),
    ("T-018", Deviates(FRAMING), "contract 1 §1: broken framing is BAD_REQUEST"),
    ("T-019", Deviates(FRAMING), "contract 1 §1: broken framing is BAD_REQUEST"),
    (
        "H-010",
        Deviates(r#"{"records": "64 created, 936 failed HIERARCHY_TOO_DEEP"}"#),
        "rules §4: every record whose own place lies too deep is HIERARCHY_TOO_DEEP",
    ),
    ("V-007", Deviates(r#"{"code": "GROUP_NOT_FOUND"}"#), "contract 1 §2: no such group is GROUP_NOT_FOUND"),
    (
        "V-010",
        Deviates(r#"{"status": 400, "code": "VALIDATION_ERROR", "reason": "INVALID_PARAMETER"}"#),
        "contract 1 §2 has no parameter q, and an unknown one is a bad one",
    ),
    (
        "O-003",
        Deviates(r#"{"status": 207, "state": "unchanged"}"#),
        "rules §2: control characters in names are refused",
    ),
    ("P-009", Deviates(r#"{"code": "VALIDATION_ERROR"}"#), "contract 1 §1: a bad key is VALIDATION_ERROR"),
    ("P-010", Deviates(r#"{"code": "VALIDATION_ERROR"}"#), "contract 1 §1: a bad key is VALIDATION_ERROR"),
    ("P-012", Deviates(r#"{"code": "VALIDATION_ERROR"}"#), "contract 1 §1: a bad key is VALIDATION_ERROR"),
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
    ("U-019", Waits, "a second engine, and a list ordered by name"),
    ("K-010", Waits, "keys that expire"),
    ("K-015", Waits, "a timing rig"),
    ("K-027", Waits, "the console"),
    ("K-028", Waits, "the console"),
    ("O-001", Waits, "the CSV export"),
    ("O-006", Waits, "fail points"),
];
