//! Clients that go away: in the middle of their request, before the answer, in the middle of it.

use std::io::{BufReader, Read as _, Write as _};
use std::iter;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rig::connection::read_answer;
use rig::history::{Fate, Operation, Reply};
use rig::load::{Course, Until};
use rig::workload::{Asked, Shape, Workload, Write};
use rig::{Connection, Random};
use rustix::net::sockopt::set_socket_linger;

use super::places::{Databases, Venue, side_by_side};
use super::{Setting, Stage};
use crate::report::Report;

/// Clients at once whose connections are cut, beside some who are well.
const CUTTERS: usize = 4;
/// Requests of each of them in a cycle.
const EACH: usize = 25;
/// What is cut has come to something within this time.
const SOON: Duration = Duration::from_secs(10);
/// Before a client asks again that was refused, or asks what became of its request.
const BREATH: Duration = Duration::from_millis(2);

/// P6, P9: whoever asks again, with its key, gets the one answer, and what was not sent whole is not done.
pub(crate) fn cut(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let databases = Databases::start(report);
    side_by_side(setting, report, |setting, report| {
        for databases in iter::once(None).chain(databases.as_ref().map(Some)) {
            let venue = Venue { databases, shape: Shape::WIDE, servers: 2, clients: 2, connections: 1 };
            venue.with(setting, |stage| {
                // What was answered before a restart is asked for again after it.
                cycle(stage, 1, report)?;
                if stage.scene.is_some() { cycle(stage, 2, report) } else { Ok(()) }
            })?;
        }
        Ok(())
    })
}

fn cycle(stage: &mut Stage, number: usize, report: &mut Report) -> anyhow::Result<()> {
    let (scene, random) = stage.open()?;
    let seeds = [(); CUTTERS].map(|()| random.next());
    let (mut history, cut) = scene.under_load(Until::Over, |beside| {
        let addresses: Vec<_> = beside.servers.iter().map(|server| server.address).collect();
        let cutter = |(index, seed)| {
            let name = format!("x{number}-{index}");
            Cutter::new(name, seed, &addresses, beside.key, beside.course)
        };
        let mut cutters: Vec<Cutter<'_>> = seeds.into_iter().enumerate().map(cutter).collect();
        std::thread::scope(|scope| {
            let running: Vec<_> = cutters
                .iter_mut()
                .map(|cutter| scope.spawn(|| (0..EACH).try_for_each(|_| cutter.go_on())))
                .collect();
            running.into_iter().try_for_each(|running| {
                running.join().map_err(|_| anyhow::anyhow!("a client has panicked"))?
            })
        })?;
        Ok(cutters.into_iter().map(|cutter| (cutter.history, cutter.report)).collect::<Vec<_>>())
    })?;
    for (operations, part) in cut {
        history.extend(operations);
        report.add(part);
    }
    scene.restart()?;
    stage.settle(&history, report);
    Ok(())
}

/// How far a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing is sent.
    Nothing,
    /// A part of the head.
    Head,
    /// A part of the body.
    Body,
    /// All of it; nobody waits for the answer.
    Whole,
    /// A part of the answer.
    Answer,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As a program does that ends.
    Close,
    /// As a proxy does that gives up.
    Reset,
    /// Nothing more is sent, and the answer is waited for.
    Half,
}

/// A client whose connections are cut, and who asks until it knows what became of its requests.
struct Cutter<'a> {
    workload: Workload,
    connections: Vec<Connection>,
    turn: usize,
    course: &'a Course,
    history: Vec<Operation>,
    report: Report,
}

impl<'a> Cutter<'a> {
    fn new(name: String, seed: u64, addresses: &[SocketAddr], key: &str, course: &'a Course) -> Self {
        let shape = Shape { keyed: 10, reads: 0, ..Shape::WIDE };
        let connections = addresses.iter().map(|address| Connection::new(*address, key)).collect();
        let (workload, report) = (Workload::new(name, seed, shape), Report::default());
        Self { workload, connections, turn: 0, course, history: Vec::new(), report }
    }

    /// One request, cut once or more often, and then sent until it is answered.
    fn go_on(&mut self) -> anyhow::Result<()> {
        let Asked::Write(mut write) = self.workload.request() else { return Ok(()) };
        let random = self.workload.random();
        if random.below(2) == 0 {
            // A part of it is JSON, and is not the body.
            write.body.push_str(&" ".repeat(1 + random.below(300)));
        }
        let key = write.key.clone().context("a key")?;
        let (mut was_whole, mut is_answered) = (false, false);
        loop {
            let sent = self.send_and_cut(&write)?;
            match sent {
                None | Some(Fate::Fragment(_)) => {}
                Some(Fate::Answered(_)) => is_answered = true,
                Some(_) => was_whole = true,
            }
            if self.workload.random().below(3) > 0 {
                break;
            }
        }
        if !was_whole && !is_answered && self.workload.random().below(4) == 0 {
            self.report.count("never sent whole", 1);
            return Ok(());
        }
        let cut = Instant::now();
        let reply = self.ask_until_answered(&write, cut)?;
        let Some(reply) = reply else { return Ok(()) };
        if was_whole && !is_answered {
            let what = if reply.is_replay { "done, though nobody waited" } else { "done when sent again" };
            self.report.count(&format!("sent whole and {what}"), 1);
        }
        self.report.took("cut to answer", cut.elapsed());
        self.look_up(&key, &reply)
    }

    /// Sends a request that is cut somewhere; what its sender may think of it. `None` where it sent nothing.
    fn send_and_cut(&mut self, write: &Write) -> anyhow::Result<Option<Fate>> {
        self.turn += 1;
        let connection = &self.connections[self.turn % self.connections.len()];
        let random = self.workload.random();
        let at =
            random.one_of(&[At::Nothing, At::Head, At::Body, At::Body, At::Whole, At::Whole, At::Answer]);
        let end = random.one_of(&[End::Close, End::Reset, End::Half]);
        let chunks = [1 + random.below(500), 1 + random.below(50)];
        let [head, body] = connection.parts(write, &chunks[random.below(3).min(2)..]);
        let whole = head.len() + body.len();
        let until = match at {
            At::Nothing => 0,
            At::Head => 1 + random.below(head.len() - 1),
            // Often the end of it is what is missing.
            At::Body if random.below(3) == 0 => whole - 1 - random.below(8.min(body.len())),
            At::Body => head.len() + random.below(body.len()),
            At::Whole | At::Answer => whole,
        };
        let bytes = [head, body].concat();
        // Whoever does not even reach the server has begun nothing.
        let mut stream = connection.connect()?;
        let began = self.course.moment();
        send_in_pieces(stream.get_mut(), &bytes[..until], random);
        let asked = Asked::Write(write.clone());
        let fate = match (end, until == whole) {
            (End::Half, true) => half_closed(&mut stream, &asked),
            (End::Half, false) => match half_closed(&mut stream, &asked) {
                Fate::Answered(reply) => Fate::Strange(format!("{} to a part of a request", reply.status)),
                fate => Fate::Fragment(format!("{at:?}, {fate:?}")),
            },
            _ => {
                sleep(Duration::from_micros(random.one_of(&[0, 0, 300, 3000])));
                if at == At::Answer {
                    let _ = stream.read(&mut vec![0; 1 + random.below(400)]);
                }
                let said = format!("{at:?}, {end:?}");
                if until == whole { Fate::Silent(said) } else { Fate::Fragment(said) }
            }
        };
        if end == End::Reset {
            set_socket_linger(stream.get_ref(), Some(Duration::ZERO))?;
        }
        drop(stream);
        let ended = self.course.moment();
        self.report.count(
            match (at, end) {
                (At::Nothing, _) => "connections cut idle",
                (At::Head, _) => "cut in the head",
                (At::Body, _) => "cut in the body",
                (_, End::Half) => "half closed behind the request",
                (At::Whole, _) => "cut behind the request",
                (At::Answer, _) => "cut in the answer",
            },
            1,
        );
        if at == At::Nothing {
            return Ok(None);
        }
        self.report.count("requests cut", 1);
        self.history.push(Operation { asked, began, ended, fate: fate.clone() });
        Ok(Some(fate))
    }

    /// Asks over connections that nobody cuts; `None` where it took too long.
    fn ask_until_answered(&mut self, write: &Write, cut: Instant) -> anyhow::Result<Option<Reply>> {
        let asked = Asked::Write(write.clone());
        loop {
            self.turn += 1;
            let index = self.turn % self.connections.len();
            let connection = &mut self.connections[index];
            connection.open()?;
            let began = self.course.moment();
            let fate = Fate::of(&asked, connection.ask(&asked));
            let ended = self.course.moment();
            self.history.push(Operation { asked: asked.clone(), began, ended, fate: fate.clone() });
            if let Fate::Answered(reply) = fate {
                return Ok(Some(reply));
            }
            if cut.elapsed() > SOON {
                self.report.tally.wrong(format!("after {SOON:?} still {fate:?}: {write:?}"));
                return Ok(None);
            }
            sleep(BREATH);
        }
    }

    /// Its key leads to the one run that the answer tells of.
    fn look_up(&mut self, key: &str, reply: &Reply) -> anyhow::Result<()> {
        let index = self.turn % self.connections.len();
        let found = self.connections[index].get(&format!("/v3/runs?idempotencyKey={key}"))?;
        let page: serde_json::Value = serde_json::from_str(&found.body)?;
        let ids = page["runs"].as_array().into_iter().flatten().map(|run| run["id"].as_str());
        if ids.ne([reply.run.as_deref()]) {
            self.report.tally.wrong(format!("{key} was answered with run {:?}; {}", reply.run, found.body));
        }
        Ok(())
    }
}

/// What the network makes of it: pieces, with or without something between them. A server that has already
/// refused may have closed.
fn send_in_pieces(stream: &mut TcpStream, bytes: &[u8], random: &mut Random) {
    let middle = random.below(bytes.len() + 1);
    for piece in [&bytes[..middle], &bytes[middle..]] {
        if stream.write_all(piece).is_err() {
            return;
        }
        sleep(Duration::from_micros(random.one_of(&[0, 0, 0, 1000])));
    }
}

/// Says that nothing more will come, and waits for the answer.
fn half_closed(stream: &mut BufReader<TcpStream>, asked: &Asked) -> Fate {
    let closed = stream.get_ref().shutdown(Shutdown::Write);
    Fate::of(asked, closed.and_then(|()| read_answer(stream)).map(|answer| answer.reply))
}
