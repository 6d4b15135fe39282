//! A server with its data, the clients that load it, and what they are told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rig::history::{Fate, Operation};
use rig::load::{Client, Course, Until, run_all};
use rig::survey::{Back, Survey, define};
use rig::workload::{Shape, Workload};
use rig::{Checker, Connection, Random, Tally};

use crate::server::{LOOK_AGAIN, PATIENCE, Server};

/// Where the data lies.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// In a database.
    Database(String),
}

/// How the server is started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    pub(crate) place: Place,
    pub(crate) options: Vec<&'static str>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// So many of them.
    pub(crate) servers: usize,
    /// So many clients at the same time.
    pub(crate) clients: usize,
    /// So many connections of each client to each server, which it uses in turn.
    pub(crate) connections: usize,
}

impl Start {
    pub(crate) fn in_folder(program: &Path, data: PathBuf) -> Self {
        let place = Place::Folder(data);
        Self {
            program: program.to_owned(),
            place,
            options: Vec::new(),
            environment: Vec::new(),
            servers: 1,
            clients: 4,
            connections: 1,
        }
    }

    /// A command of the program on this data.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words);
        match &self.place {
            Place::Folder(data) => command.arg("--data-dir").arg(data),
            Place::Database(url) => command.arg("--database-url").arg(url),
        };
        command
    }

    pub(crate) fn serve(&self) -> Command {
        // Whoever checks all that is stored asks more often than a client may.
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--requests-per-minute", "0"]);
        command.args(&self.options).envs(self.environment.clone());
        command
    }
}

/// Everything about one tenant, from its first request on.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) start: Start,
    pub(crate) servers: Vec<Server>,
    pub(crate) key: String,
    pub(crate) course: Course,
    pub(crate) clients: Vec<Client>,
    pub(crate) checker: Checker,
    survey: Survey,
    pub(crate) back: Back,
}

impl Scene {
    /// A first start on an empty place.
    pub(crate) fn open(start: Start, shape: Shape, random: &mut Random) -> anyhow::Result<Self> {
        let first = Server::start(&mut start.serve())?;
        let key = first.first_key()?;
        let mut servers = vec![first];
        for _ in 1..start.servers {
            servers.push(Server::start(&mut start.serve())?);
        }
        define(&mut Connection::new(servers[0].address, &key)).context("the attributes")?;
        let client = |number| {
            let workload = Workload::new(format!("c{number}"), random.next(), shape);
            Client::new(workload, Vec::new())
        };
        let clients = (0..start.clients).map(client).collect();
        let (checker, survey) = (Checker::new(), Survey::default());
        let course = Course::default();
        let mut scene = Self { start, servers, key, course, clients, checker, survey, back: Back::News };
        scene.reconnect();
        Ok(scene)
    }

    /// A connection to one of the servers.
    pub(crate) fn connect(&self, server: usize) -> Connection {
        Connection::new(self.servers[server].address, &self.key)
    }

    fn reconnect(&mut self) {
        let addresses: Vec<_> = self.servers.iter().map(|server| server.address).collect();
        let addresses = addresses.repeat(self.start.connections);
        for client in &mut self.clients {
            client.reconnect(addresses.iter().map(|address| Connection::new(*address, &self.key)).collect());
        }
    }

    /// Lets the clients send while something is done beside them, and ends them after it.
    pub(crate) fn under_load<T>(
        &mut self,
        until: Until,
        beside: impl FnOnce(&mut Beside<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Vec<Operation>, T)> {
        self.course.go_on();
        let (course, clients) = (&self.course, &mut self.clients);
        let mut beside_them = Beside { course, servers: &mut self.servers, key: &self.key };
        std::thread::scope(|scope| {
            let running = scope.spawn(move || run_all(clients, course, until));
            let done = beside(&mut beside_them);
            course.end();
            let history = running.join().map_err(|_| anyhow::anyhow!("a client has panicked"))?;
            Ok((history, done?))
        })
    }

    /// Starts what was ended, and waits until it answers; tells how long that took.
    pub(crate) fn restart(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.servers.clear();
        for _ in 0..self.start.servers {
            let mut server = Server::start(&mut self.start.serve())?;
            server.wait_until_answers(&self.key)?;
            self.servers.push(server);
        }
        self.reconnect();
        Ok(begun.elapsed())
    }

    /// Judges what was told against what is there.
    pub(crate) fn settle(&mut self, history: &[Operation]) -> anyhow::Result<Tally> {
        let mut connection = self.connect(0);
        let found = self.survey.look(&mut connection, self.back).context("what is stored cannot be read")?;
        Ok(self.checker.settle(history, &found))
    }
}

/// What can be done while clients send.
pub(crate) struct Beside<'a> {
    pub(crate) course: &'a Course,
    pub(crate) servers: &'a mut Vec<Server>,
    pub(crate) key: &'a str,
}

impl Beside<'_> {
    /// Waits until so many more writes were acknowledged.
    pub(crate) fn go_on(&mut self, writes: u64) -> anyhow::Result<()> {
        let (start, enough) = (Instant::now(), self.course.acknowledged() + writes);
        while self.course.acknowledged() < enough {
            if start.elapsed() > PATIENCE || self.servers.iter_mut().any(Server::has_ended) {
                let log = self.servers.first().map(Server::log).unwrap_or_default();
                bail!("nothing is acknowledged any more:\n{log}");
            }
            sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Any moment: after some writes, and then somewhere between two things.
    pub(crate) fn any_moment(&mut self, random: &mut Random) -> anyhow::Result<()> {
        self.go_on(1 + random.below(40) as u64)?;
        sleep(Duration::from_micros(random.below(5000) as u64));
        Ok(())
    }
}

/// What was answered after this moment counts for nothing: the machine was without power.
pub(crate) fn forget_after(history: &mut Vec<Operation>, moment: u64) {
    for operation in history {
        if operation.ended > moment && !matches!(operation.fate, Fate::Silent(_)) {
            operation.fate = Fate::Silent("after the power was cut".to_owned());
        }
    }
}
