//! What a server that has nothing to do keeps in memory.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{GUARD, Server};

const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// More than the program takes by itself, and less than what is read and written here leaves in caches.
const AT_REST: usize = 24 << 10;

/// The memory that a process has written to and holds, in KiB.
fn held(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Groups with as much to say as there may be.
fn large(batch: usize) -> Value {
    let url = format!("https://example.org/{}", "x".repeat(400));
    let group = |n: usize| json!({"externalReferenceId": format!("{batch}-{n}"), "name": "Large", "description": "x".repeat(255), "photoUrl": url});
    (0..1000).map(group).collect()
}

#[test]
fn a_server_at_rest_gives_back_what_a_load_took() {
    let server = Server::start();
    for batch in 0..50 {
        assert_eq!(server.client.upsert(&large(batch)).0, 200);
    }
    server.indexed();
    let process = server.process.id();
    let taken = held(process);
    assert!(taken > 2 * AT_REST, "a load takes {taken} KiB: nothing would be seen here");
    let start = Instant::now();
    while held(process) > AT_REST {
        assert!(start.elapsed() < GUARD, "the server keeps {} of {taken} KiB", held(process));
        std::thread::sleep(LOOK_AGAIN);
    }
    // What comes next is answered as ever.
    assert_eq!(server.client.upsert(&large(0)).0, 200);
}
