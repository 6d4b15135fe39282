//! What one server has carried out is told by the other one.

use serde_json::json;

use super::{Pair, soon};
use crate::harness::UPSERT;

/// It has no transaction of its own, and waits a moment for one.
#[test]
fn a_run_that_changed_nothing_is_shown_by_the_other_server() {
    let Some(pair) = Pair::start() else { return };
    let [one, other] = pair.clients();
    let body = json!({"groups": [{"externalReferenceId": "a", "name": "A"}]}).to_string();
    for number in 1..=2 {
        let answer = one.post(UPSERT, body.clone()).send();
        let path = format!("/v3/runs/{}", answer.header("rosterd-run-id").unwrap());
        let run =
            soon("the run is shown", || Some(other.get(&path).send()).filter(|found| found.status == 200));
        assert_eq!(run.json(), one.get(&path).send().json());
        let [here, there] = [one, other].map(|client| client.get("/v3/runs").send().json()["runs"].clone());
        assert_eq!((&here, here.as_array().unwrap().len()), (&there, number));
    }
}
