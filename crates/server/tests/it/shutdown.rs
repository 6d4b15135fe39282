//! SIGTERM: what is under way is finished, what is new is refused, and the process ends well.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::json;

use crate::harness::{Client, Server, UPSERT, rosterd};

fn stopping(server: &Server) {
    server.process.terminate();
    server
        .process
        .wait_for("that it is stopping", |log| log.contains("\"message\":\"stopping").then_some(()));
}

#[test]
fn a_request_under_way_is_finished() {
    let mut server = Server::start();
    let body = json!({"groups": [{"externalReferenceId": "a", "name": "A"}]}).to_string();
    let exchange = server.client.post(UPSERT, body.clone()).header("expect", "100-continue");
    let mut stream = exchange.connect().unwrap();
    stream.write_all(&exchange.head()).unwrap();
    // The server asks for the body: the request has begun.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body.as_bytes()[..20]).unwrap();
    stopping(&server);
    stream.write_all(&body.as_bytes()[20..]).unwrap();
    let answer = exchange.answer(&mut stream).unwrap();
    assert_eq!((answer.status, &answer.json()["summary"]["created"]), (200, &json!(1)));
    server.started_after_stop();
    assert_eq!(server.client.group("a")["name"], "A");
}

#[test]
fn who_reads_the_logs_may_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = rosterd();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let found = |line: &str, start: &str| {
        let from = line.find(start)?;
        let end = line[from..].find(|found: char| found.is_whitespace() || found == '"' || found == '\'');
        Some(line[from..from + end?].to_owned())
    };
    let (mut place, mut key) = (None, None);
    while place.is_none() || key.is_none() {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server ended");
        place = place.or_else(|| found(&line, "http://127.0.0.1:"));
        key = key.or_else(|| found(&line, "rosterd_"));
    }
    drop(log);
    let authority = place.unwrap()["http://".len()..].split('/').next().unwrap().to_owned();
    let client = Client { address: authority.parse().unwrap(), key: key.unwrap() };
    assert_eq!(client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}])).0, 200);
    assert_eq!(client.group("a")["name"], "A");
    let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
    assert!(told.unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_request_that_comes_too_late_is_told_so() {
    let mut server = Server::start();
    // Connections that were accepted before the stop, each with the beginning of its first request.
    let exchange = |target: &str| server.client.get(target);
    let mut waiting: Vec<_> = ["/v3/groups", "/readyz", "/healthz"]
        .iter()
        .cycle()
        .take(12)
        .map(|target| {
            let exchange = exchange(target);
            let mut stream = exchange.connect().unwrap();
            stream.write_all(&exchange.head()[..30]).unwrap();
            (*target, exchange, stream)
        })
        .collect();
    // Connections are accepted in order: when a later one is answered, these are there.
    assert_eq!(exchange("/readyz").send().json(), json!({"status": "ready", "store": "ok"}));
    stopping(&server);
    let mut answered = Vec::new();
    for (target, exchange, stream) in &mut waiting {
        // A connection on which nothing has arrived yet may be closed instead.
        let written = stream.write_all(&exchange.head()[30..]);
        let Ok(answer) = written.and_then(|()| exchange.answer(stream)) else { continue };
        answered.push(*target);
        if *target == "/healthz" {
            assert_eq!((answer.status, answer.text()), (200, r#"{"status":"ok"}"#));
        } else {
            assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("DRAINING")), "{target}");
            let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=30).contains(&seconds), "{seconds}");
        }
        assert_eq!(answer.header("connection"), Some("close"), "{target}");
    }
    for target in ["/v3/groups", "/readyz", "/healthz"] {
        assert!(answered.contains(&target), "{target} was never answered");
    }
    assert!(exchange("/healthz").connect().is_err(), "the port is closed");
    drop(waiting);
    server.started_after_stop();
    assert_eq!(server.client.get("/readyz").send().status, 200);
}

#[test]
fn what_was_answered_before_the_end_is_there_after_it() {
    let mut server = Server::start();
    let (acknowledge, acknowledged) = mpsc::channel();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (client, acknowledge) = (server.client.clone(), acknowledge.clone());
            thread::spawn(move || {
                for number in 0.. {
                    let key = format!("w{writer}-{number}");
                    let records = json!([{"externalReferenceId": key, "name": key}]);
                    match client.try_upsert(&records) {
                        Ok((200, answer)) => {
                            assert_eq!(answer["results"][0]["status"], "created");
                            drop(acknowledge.send(key));
                        }
                        Ok((status, answer)) => {
                            assert_eq!((status, &answer["code"]), (503, &json!("DRAINING")));
                            return;
                        }
                        // The port is closed, or the connection was never accepted.
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    drop(acknowledge);
    let mut answered: Vec<String> = acknowledged.iter().take(50).collect();
    assert_eq!(answered.len(), 50);
    server.process.terminate();
    answered.extend(acknowledged.iter());
    for writer in writers {
        writer.join().unwrap();
    }
    server.started_after_stop();
    for key in answered {
        assert_eq!(server.client.group(&key)["name"], *key);
    }
}
