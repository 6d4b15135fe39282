//! Sends batches to the server and sees each one through: waiting, trying again, splitting.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Uri, header};

use super::answer::{Outcome, Problem};
use super::face::{Blame, Face, Faults, Refusal};
use super::record::{Fault, Record};
use super::retry::{Acquaintance, Patience, retry_after};
use super::stop::{Reason, Stop};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For one attempt, from resolving the name to the last byte of the answer.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a connection may lie idle and still be used: less than the server's ten seconds, or a batch now
/// and then would be sent into a connection that is being closed.
const IDLE_AGE: Duration = Duration::from_secs(5);

/// As many as `--parallel` can be.
const MAX_CONNECTIONS: usize = 64;

/// The longest answer that is read. A dry run's answer holds each changed text twice.
const ANSWER_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// Whether the batches are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Write,
    DryRun,
}

/// A batch that the server took on.
#[derive(Debug)]
pub(super) struct Delivery {
    /// One per record, in the order of the records.
    pub(super) outcomes: Vec<Outcome>,
    /// How many requests were answered for it: more than one when it had to be split.
    pub(super) requests: u64,
}

/// The connection to a server.
///
/// No `Idempotency-Key` is sent: a batch upsert may be repeated as it is. When an answer is lost, the
/// repeated batch says `unchanged` where the lost answer said `created` or `updated`; that is all.
pub(super) struct Client<'a> {
    agent: Agent,
    server: &'a str,
    face: &'a dyn Face,
    url: String,
    authorization: String,
    sleep: &'a (dyn Fn(Duration) + Sync),
    answered: AtomicBool,
    sent: AtomicBool,
}

/// What came of one attempt.
enum Attempt<T> {
    Answered(T),
    /// Worth trying again, after the wait the server asked for.
    Again {
        why: String,
        asked: Option<Duration>,
    },
}

/// An answer, whatever it says.
struct Response {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What the server says to a batch.
enum Reply {
    Taken(Vec<Outcome>),
    /// These records make the server refuse the batch.
    Without(Faults),
    /// The batch is too large for this server, or has a record that makes the server refuse it all.
    Divide(Problem),
}

impl<'a> Client<'a> {
    /// A client for the server at this base URL.
    pub(super) fn new(
        server: &'a str,
        face: &'a dyn Face,
        key: &str,
        mode: Mode,
        sleep: &'a (dyn Fn(Duration) + Sync),
    ) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .max_idle_age(IDLE_AGE)
            .max_idle_connections(MAX_CONNECTIONS)
            .max_idle_connections_per_host(MAX_CONNECTIONS)
            .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")));
        if is_this_host(server) {
            // A proxy in the environment is for the way out: there is none to here.
            config = config.proxy(None);
        }
        let query = match mode {
            Mode::Write => "",
            Mode::DryRun => "?dryRun=true",
        };
        Self {
            agent: config.build().new_agent(),
            server,
            face,
            url: format!("{server}{}{query}", face.path()),
            authorization: format!("Bearer {key}"),
            sleep,
            answered: AtomicBool::new(false),
            sent: AtomicBool::new(false),
        }
    }

    /// Whether a batch has been given to the network: from then on something may have been written.
    pub(super) fn has_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a batch until the server has taken it on, or there is no point in trying any longer.
    /// `notice` is told about each wait.
    pub(super) fn deliver(&self, records: &[Record], notice: &dyn Fn(String)) -> Result<Delivery, Stop> {
        self.deliver_these(&records.iter().collect::<Vec<_>>(), notice)
    }

    /// Asks the server for what is at this path; `None` where nothing is. Asking writes nothing.
    pub(super) fn ask(&self, path: &str, notice: &dyn Fn(String)) -> Result<Option<Vec<u8>>, Stop> {
        let url = format!("{}{path}", self.server);
        let response = self.persist(notice, &|| {
            let request = self.agent.get(&url).header(header::AUTHORIZATION, &self.authorization);
            read(request.header(header::ACCEPT, "application/json").call()?)
        })?;
        match response.status {
            200 => Ok(Some(response.body)),
            404 => Ok(None),
            _ => Err(self.refused(&response, &self.refusal(&response, 0).problem)),
        }
    }

    fn deliver_these(&self, records: &[&Record], notice: &dyn Fn(String)) -> Result<Delivery, Stop> {
        match self.send(records, notice)? {
            Reply::Taken(outcomes) => Ok(Delivery { outcomes, requests: 1 }),
            Reply::Without(faults) => self.deliver_others(records, faults, notice),
            Reply::Divide(problem) => self.deliver_halves(records, &problem, notice),
        }
    }

    /// The records at fault have failed; without them the server may take the batch.
    fn deliver_others(
        &self,
        records: &[&Record],
        mut faults: Faults,
        notice: &dyn Fn(String),
    ) -> Result<Delivery, Stop> {
        let places = 0..records.len();
        let others: Vec<&Record> =
            places.clone().filter(|place| !faults.contains_key(place)).map(|place| records[place]).collect();
        let delivery = if others.is_empty() {
            Delivery { outcomes: Vec::new(), requests: 1 }
        } else {
            self.deliver_these(&others, notice)?
        };
        let mut taken = delivery.outcomes.into_iter();
        // As many outcomes as other records: each place has one.
        let outcomes = places.filter_map(|place| match faults.remove(&place) {
            Some(faults) => Some(Outcome::Failed(faults)),
            None => taken.next(),
        });
        Ok(Delivery { outcomes: outcomes.collect(), requests: delivery.requests })
    }

    /// A server may take smaller bodies than this client makes: halving finds out what it takes. A parent
    /// that ends up in the other half is no harm, its children are sent again later.
    fn deliver_halves(
        &self,
        records: &[&Record],
        problem: &Problem,
        notice: &dyn Fn(String),
    ) -> Result<Delivery, Stop> {
        let (first, second) = records.split_at(records.len() / 2);
        if first.is_empty() {
            let code = problem.code.as_deref().unwrap_or("PAYLOAD_TOO_LARGE");
            let fault = Fault::of_record(code, problem.describe());
            return Ok(Delivery { outcomes: vec![Outcome::Failed(vec![fault])], requests: 1 });
        }
        let mut delivery = self.deliver_these(first, notice)?;
        let rest = self.deliver_these(second, notice)?;
        delivery.outcomes.extend(rest.outcomes);
        delivery.requests += rest.requests;
        Ok(delivery)
    }

    fn acquaintance(&self) -> Acquaintance {
        if self.answered.load(Ordering::Relaxed) { Acquaintance::Known } else { Acquaintance::Stranger }
    }

    fn send(&self, records: &[&Record], notice: &dyn Fn(String)) -> Result<Reply, Stop> {
        let body = body(records, self.face.frame());
        let response = self.persist(notice, &|| self.post(&body))?;
        if let 200 | 207 = response.status {
            return self.face.outcomes(&response.body, records).map(Reply::Taken).map_err(|error| {
                let message =
                    format!("{}: the answer is not the one of a batch upsert: {error}", self.server);
                Stop::new(Reason::Failure, message)
            });
        }
        let refusal = self.refusal(&response, records.len());
        match (response.status, refusal.blame) {
            (413, _) | (400, Blame::Unnamed) => Ok(Reply::Divide(refusal.problem)),
            (400, Blame::Records(faults)) => Ok(Reply::Without(faults)),
            _ => Err(self.refused(&response, &refusal.problem)),
        }
    }

    /// Makes a request again and again until there is an answer that counts.
    fn persist(
        &self,
        notice: &dyn Fn(String),
        exchange: &dyn Fn() -> Result<Response, ureq::Error>,
    ) -> Result<Response, Stop> {
        let mut patience = Patience::default();
        loop {
            let attempt = match exchange() {
                Ok(response) => self.attempt(response)?,
                Err(error) => self.no_answer(&error)?,
            };
            match attempt {
                Attempt::Answered(response) => return Ok(response),
                Attempt::Again { why, asked } => match patience.next_wait(asked, self.acquaintance()) {
                    Some(wait) => {
                        notice(format!("{why}; trying again in {} s", wait.as_secs_f64()));
                        (self.sleep)(wait);
                    }
                    None => return Err(Stop::new(Reason::Unreachable, format!("{why}; giving up"))),
                },
            }
        }
    }

    fn attempt(&self, response: Response) -> Result<Attempt<Response>, Stop> {
        self.answered.store(true, Ordering::Relaxed);
        if !matches!(response.status, 401 | 403 | 408 | 429 | 502 | 503 | 504) {
            return Ok(Attempt::Answered(response));
        }
        let said = self.said(&response, &self.refusal(&response, 0).problem);
        if let 401 | 403 = response.status {
            return Err(Stop::new(Reason::Unauthorised, said));
        }
        let text = |name| response.headers.get(name).and_then(|value| value.to_str().ok());
        let asked = retry_after(text(header::RETRY_AFTER), text(header::DATE));
        Ok(Attempt::Again { why: said, asked })
    }

    /// What a refused request was refused for; not every face repeats the request's id in the body.
    fn refusal(&self, response: &Response, records: usize) -> Refusal {
        let mut refusal = self.face.refusal(&response.body, records);
        let id = response.headers.get("x-request-id").and_then(|value| value.to_str().ok());
        refusal.problem.request_id = refusal.problem.request_id.or_else(|| id.map(str::to_owned));
        refusal
    }

    fn refused(&self, response: &Response, problem: &Problem) -> Stop {
        let said = self.said(response, problem);
        match response.status {
            300..400 => {
                let to = response.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
                let hint = to.map(|to| format!("; it points to {to}: give that address with --server"));
                Stop::new(Reason::Refused, said + &hint.unwrap_or_default())
            }
            400..500 => Stop::new(Reason::Refused, said),
            _ => Stop::new(Reason::Failure, said),
        }
    }

    fn said(&self, response: &Response, problem: &Problem) -> String {
        format!("{} answered {}: {}", self.server, response.status, problem.describe())
    }

    fn post(&self, body: &str) -> Result<Response, ureq::Error> {
        self.sent.store(true, Ordering::Relaxed);
        let mut request = self
            .agent
            .post(&self.url)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "application/json")
            .content_type("application/json");
        if self.acquaintance() == Acquaintance::Stranger {
            // A server that refuses the key answers without reading the body, and then closes: the refusal
            // could be lost in the reset connection. Asking first costs one round trip, once.
            request = request.header(header::EXPECT, "100-continue");
        }
        read(request.send(body)?)
    }

    fn no_answer(&self, error: &ureq::Error) -> Result<Attempt<Response>, Stop> {
        let said = format!("{} cannot be reached: {}", self.server, plain(error));
        match error {
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_) => Ok(Attempt::Again { why: said, asked: None }),
            _ => Err(Stop::new(Reason::Failure, said)),
        }
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Response, ureq::Error> {
    let body = response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_vec()?;
    Ok(Response { status: response.status().as_u16(), headers: response.headers().clone(), body })
}

/// The reason without the prefixes `ureq` puts before it.
fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        other => other.to_string(),
    }
}

/// The request: each record as it was read.
fn body(records: &[&Record], (before, after): (&str, &str)) -> String {
    let length: usize = records.iter().map(|record| record.object.len() + 1).sum();
    let mut body = String::with_capacity(before.len() + length + after.len());
    body.push_str(before);
    for (place, record) in records.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(&record.object);
    }
    body.push_str(after);
    body
}

fn is_this_host(server: &str) -> bool {
    let uri: Option<Uri> = server.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Reads the server's base URL from the command line.
pub(super) fn parse_server(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err("not an address like http://127.0.0.1:8080 or https://groups.example.org".to_owned());
    }
    if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("only scheme, host, port and path: no `?` and no `user@`".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Face, body, is_this_host, parse_server};
    use crate::cli::import::groups::Groups;
    use crate::cli::import::record::{Origin, Record};

    #[test]
    fn records_are_sent_as_they_are() {
        let origin = Origin { input: 0, line: 1 };
        let record = |object: &str| Record { origin, object: object.to_owned(), row: None };
        let records = [record("{}"), record(r#"{"a":1,"a":2}"#)];
        let body = body(&records.each_ref(), Groups.frame());
        assert_eq!(body, r#"{"groups":[{},{"a":1,"a":2}]}"#);
    }

    #[test]
    fn no_proxy_is_asked_for_this_host() {
        for (server, expected) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:8080/x", true),
            ("https://groups.example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_this_host(server), expected, "{server}");
        }
    }

    #[test]
    fn the_server_is_a_base_url() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(parse_server(text).ok().as_deref(), expected, "{text}");
        };
        check("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("https://groups.example.org/rosterd/", Some("https://groups.example.org/rosterd"));
        check("http://[::1]:8080/", Some("http://[::1]:8080"));
        for refused in ["", "localhost:8080", "ftp://host", "http://", "http://key@host", "http://host?x=1"] {
            check(refused, None);
        }
    }
}
