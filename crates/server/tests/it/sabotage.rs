//! Defects on purpose are in builds that are made for them, and in no other (decision 21).

use crate::harness::{SABOTAGE, finish};

/// Whether the program knows the variable that switches a defect on.
fn knows_the_variable() -> bool {
    let program = std::fs::read(env!("CARGO_BIN_EXE_rosterd")).unwrap();
    program.windows(SABOTAGE.len()).any(|window| window == SABOTAGE.as_bytes())
}

#[test]
#[cfg(not(feature = "sabotage"))]
fn a_build_has_no_defects_on_purpose() {
    assert!(!knows_the_variable());
    // Whatever it says.
    let (code, _, told) =
        finish(crate::harness::rosterd().env(SABOTAGE, "early-answer").args(["serve", "--tls-cert", "/-"]));
    assert!(!told.contains("defect"), "{code:?} {told}");
}

#[test]
#[cfg(feature = "sabotage")]
fn an_unknown_defect_is_refused() {
    assert!(knows_the_variable());
    let data = tempfile::tempdir().unwrap();
    for asked in ["", "early_answer", "early-answer,lost-update"] {
        let mut command = crate::harness::serve(&data.path().join("data"));
        let (code, _, told) = finish(command.env(SABOTAGE, asked));
        assert_eq!(code, Some(7), "{told}");
        assert!(told.contains("there is no defect") && told.contains("early-answer, "), "{told}");
    }
    assert!(!data.path().join("data").exists());
}
