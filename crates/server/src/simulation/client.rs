//! Those who use the server of a simulated world.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rig::history::{Fate, Found, Operation, Reply, Run, Shown};
use rig::workload::{Asked, Read, Shape, Workload, Write, definitions};
use serde_json::Value;
use tokio::time::sleep;

use super::dice::Dice;
use super::wire::{Answer, Manner, Wire};
use super::world::{World, lock, short};

const SHAPE: Shape = Shape { keys: 9, ids: 12, records: 6, reads: 2, keyed: 8 };
/// Longer than anything goes on behind the back of a client that went away.
const QUIET: Duration = Duration::from_secs(15);
const PAGE: usize = 5;

/// One of them.
pub(super) struct Client {
    world: Arc<World>,
    name: String,
    key: String,
    dice: Dice,
    is_rough: bool,
    wire: Option<Wire>,
    pub(super) since: String,
}

impl Client {
    pub(super) fn new(world: &Arc<World>, name: String, key: String) -> Self {
        let dice = Dice::new(world.seed, &name);
        let (world, since) = (Arc::clone(world), "0".to_owned());
        Self { world, name, key, dice, is_rough: true, wire: None, since }
    }

    /// From now on it is in no hurry, and goes nowhere.
    pub(super) fn calm(mut self) -> Self {
        self.is_rough = false;
        self
    }

    async fn send(&mut self, method: &str, target: &str, rest: &str, body: &str) -> io::Result<Answer> {
        let (manner, kind) =
            if self.is_rough { Manner::of(&mut self.dice) } else { (Manner::PLAIN, "plain requests") };
        self.world.count(kind);
        let (key, length) = (&self.key, body.len());
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: server\r\nauthorization: Bearer {key}\r\n{rest}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let answer = self.exchange(request.as_bytes(), &manner).await;
        let said = match &answer {
            Ok(answer) => format!(
                "{} {}",
                answer.reply.status,
                short(format!("{} {}", answer.head, answer.reply.body).as_bytes())
            ),
            Err(error) => format!("{:?}", error.kind()),
        };
        self.world.tell(
            &self.name,
            &format!("{method} {target} {} {} {said}", rest.trim(), short(body.as_bytes())),
        );
        answer
    }

    async fn exchange(&mut self, request: &[u8], manner: &Manner) -> io::Result<Answer> {
        let mut wire = match self.wire.take().filter(Wire::is_open) {
            Some(wire) => wire,
            None => Wire::open(Duration::from_secs(5)).await?,
        };
        let answer = wire.exchange(request, manner).await;
        self.wire = Some(wire);
        answer
    }

    /// Sends random requests until each has been answered, as far as that can be known.
    pub(super) async fn load(mut self) {
        let mut workload = Workload::new(&*self.name, self.dice.next(), SHAPE);
        for _ in 0..self.world.climate.requests {
            sleep(self.dice.up_to_ms(self.world.climate.thinking_ms)).await;
            let asked = workload.request();
            let fate = self.settle(&asked).await;
            let Fate::Answered(reply) = fate else { continue };
            if let Some(run) = reply.run.filter(|_| self.dice.once_in(3)) {
                self.look_up(&run).await;
            }
            if let Asked::Write(write @ Write { key: Some(_), .. }) = &asked {
                self.repeat(write).await;
            }
        }
        self.world.busy_clients.fetch_sub(1, Ordering::SeqCst);
    }

    /// Sends a request, and one with a key again until it is answered.
    async fn settle(&mut self, asked: &Asked) -> Fate {
        loop {
            let fate = self.ask(asked).await;
            let is_safe = matches!(asked, Asked::Write(Write { key: Some(_), .. }));
            let again = matches!((&fate, is_safe), (Fate::Silent(_), true) | (Fate::Refused(_), _));
            if !again {
                return fate;
            }
            self.world.count("repeated requests");
            sleep(Duration::from_millis(20) + self.dice.up_to_ms(4000)).await;
        }
    }

    /// Sends a request once.
    async fn ask(&mut self, asked: &Asked) -> Fate {
        let began = lock(&self.world.history).now();
        let answer = match asked {
            Asked::Read(read) => self.send("GET", &read.target(), "", "").await,
            Asked::Write(Write { call, body, key }) => {
                let key = key.as_ref().map_or_else(String::new, |key| format!("idempotency-key: {key}\r\n"));
                self.send("POST", call.target(), &key, body).await
            }
        };
        let fate = Fate::of(asked, answer.map(|answer| answer.reply));
        let mut history = lock(&self.world.history);
        let ended = history.now();
        history.operations.push(Operation { asked: asked.clone(), began, ended, fate: fate.clone() });
        self.world.count(match &fate {
            Fate::Answered(_) => "answered",
            Fate::Refused(_) => "refused",
            Fate::Silent(_) => "silent",
            Fate::Fragment(_) => "fragment",
            Fate::Strange(_) => "strange",
        });
        fate
    }

    /// Whoever was told of a run finds it, on whichever connection.
    async fn look_up(&mut self, run: &str) {
        let found = self.get(&format!("/v3/runs/{run}")).await;
        // One that changed nothing may have been forgotten in a crash.
        let Some(found) = found else { return };
        let revision = found["revision"].as_i64().unwrap();
        self.world.known_revision.fetch_max(revision, Ordering::SeqCst);
    }

    /// Reads until there is an answer. Nothing where there is nothing.
    async fn get(&mut self, target: &str) -> Option<Value> {
        let reply = self.read(target).await;
        (reply.status == 200).then(|| serde_json::from_str(&reply.body).unwrap())
    }

    /// Reads until there is an answer.
    async fn read(&mut self, target: &str) -> Reply {
        loop {
            match self.send("GET", target, "", "").await.map(|answer| answer.reply) {
                Ok(reply) if ![408, 429, 503].contains(&reply.status) => {
                    if ![200, 404].contains(&reply.status) {
                        self.world.wrong(format!("{target}: {} {}", reply.status, reply.body));
                    }
                    return reply;
                }
                _ => sleep(Duration::from_millis(50) + self.dice.up_to_ms(2000)).await,
            }
        }
    }

    /// The same request again, or another one with its key.
    async fn repeat(&mut self, write: &Write) {
        if self.dice.once_in(4) {
            self.ask(&Asked::Write(write.clone())).await;
        }
        if self.dice.once_in(8) {
            let key = format!("idempotency-key: {}\r\n", write.key.as_deref().unwrap());
            let other = r#"{"groups":[{"externalReferenceId":"never","name":"never"}]}"#;
            let answer = self.send("POST", "/v3/groups/batch-upsert", &key, other).await;
            if let Ok(Answer { reply, .. }) = answer
                && ![422, 408, 429, 503, 409].contains(&reply.status)
            {
                self.world.wrong(format!("a key was good for two requests: {} {}", reply.status, reply.body));
            }
        }
    }

    /// Follows the changes, page by page, as long as others send.
    pub(super) async fn follow(mut self) -> Self {
        while self.world.busy_clients.load(Ordering::SeqCst) > 0 {
            self.follow_page().await;
            sleep(Duration::from_millis(100) + self.dice.up_to_ms(3000)).await;
        }
        self
    }

    /// One page more; whether more is there.
    async fn follow_page(&mut self) -> bool {
        let known = self.world.known_revision.load(Ordering::SeqCst);
        let page = self.get(&format!("/v3/groups/changes?since={}&limit={PAGE}", self.since)).await;
        let Some(page) = page else { return false };
        let more = page["more"].as_bool().unwrap();
        page["nextSince"].as_str().unwrap().clone_into(&mut self.since);
        let revision: i64 = self.since.split('-').next().unwrap().parse().unwrap();
        if !more && revision < known {
            self.world.wrong(format!("the feed ends at {revision}, and {known} was acknowledged"));
        }
        let mut history = lock(&self.world.history);
        for group in page["groups"].as_array().unwrap() {
            let id = group["id"].as_str().unwrap().parse().unwrap();
            history.followed.insert(id, group.clone());
        }
        more
    }

    /// Defines the attributes that the others use, who may begin then.
    pub(super) async fn prepare(&mut self) {
        for body in definitions() {
            let answer = self.send("POST", "/attributes", "", &body).await.unwrap();
            assert_eq!(answer.reply.status, 201, "{}", answer.reply.body);
        }
        self.world.busy_clients.store(self.world.climate.clients, Ordering::SeqCst);
    }

    /// Reads everything, once nothing moves any more.
    pub(super) async fn read_everything(&mut self) {
        sleep(QUIET).await;
        let (mut runs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v3/runs?limit=100{cursor}")).await.unwrap();
            let of_page: Vec<Run> = serde_json::from_value(page["runs"].clone()).unwrap();
            runs.extend(of_page);
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let mut page = self.get(&Read::Everything.target()).await.unwrap();
        let Value::Array(groups) = page["groups"].take() else { panic!("{page}") };
        let mut shown = Vec::new();
        for read in Found::questions(&groups) {
            let reply = self.read(&read.target()).await;
            let answer = Shown::of(&read, reply.status, &reply.body);
            shown.push((read, answer));
        }
        while self.follow_page().await {}
        lock(&self.world.history).found = Found { runs, groups, shown };
    }
}
