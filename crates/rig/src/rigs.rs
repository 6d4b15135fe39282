//! What can happen to a server.

mod backups;
mod calm;
mod crashes;
mod cuts;
mod disks;
mod places;
mod postgres;
mod power;
mod signals;
mod times;

use std::path::PathBuf;

use rig::history::Operation;
use rig::workload::Shape;
use rig::{Random, Tally};
use tempfile::TempDir;

use crate::report::Report;
use crate::scene::{Scene, Start};
use crate::volume::folder;

/// What a rig is told.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) program: PathBuf,
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    pub(crate) groups: usize,
}

/// Something that can happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rig {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// How often it happens in a short round.
    pub(crate) rounds: usize,
    pub(crate) run: fn(&Setting, &mut Report) -> anyhow::Result<()>,
}

/// All of them.
pub(crate) const RIGS: [Rig; 14] = [
    Rig { name: "calm", about: "nothing but many clients, on both engines", rounds: 1, run: calm::calm },
    Rig { name: "cut", about: "clients that go away at any moment", rounds: 2, run: cuts::cut },
    Rig { name: "kill", about: "kill -9 at any moment", rounds: 25, run: crashes::kill },
    Rig {
        name: "power-cut",
        about: "an ext4 that is shut down under the server",
        rounds: 25,
        run: power::cut,
    },
    Rig { name: "disk-image", about: "what is on the device at any moment", rounds: 20, run: power::image },
    Rig {
        name: "disk-calls",
        about: "death at the n-th call to the disk, for each n",
        rounds: 400,
        run: crashes::calls,
    },
    Rig { name: "fsync", about: "fsync fails", rounds: 5, run: disks::fsync },
    Rig { name: "disk-full", about: "the disk is full, and later larger", rounds: 3, run: disks::full },
    Rig { name: "file-limit", about: "a file may not grow any more", rounds: 3, run: disks::limit },
    Rig {
        name: "postgres",
        about: "PostgreSQL is killed under two servers",
        rounds: 6,
        run: postgres::kills,
    },
    Rig { name: "clock", about: "the clock jumps by hours and years", rounds: 1, run: times::clock },
    Rig {
        name: "pause",
        about: "the server is stopped for seconds, and goes on",
        rounds: 3,
        run: times::pause,
    },
    Rig { name: "drain", about: "SIGTERM", rounds: 8, run: signals::drain },
    Rig { name: "backup", about: "backups under load, each restored", rounds: 6, run: backups::backups },
];

/// A scene in a folder, which begins anew after a cycle in which something was found.
struct Stage {
    setting: Setting,
    random: Random,
    shape: Shape,
    /// Where the data lies, below the folder.
    home: TempDir,
    adjust: Box<dyn Fn(&mut Start)>,
    begun: usize,
    scene: Option<Scene>,
}

impl Stage {
    fn new(setting: &Setting) -> anyhow::Result<Self> {
        let random = Random::from_seed(setting.seed);
        let (adjust, setting) = (Box::new(|_: &mut Start| {}), setting.clone());
        Ok(Self { setting, random, shape: Shape::WIDE, home: folder()?, adjust, begun: 0, scene: None })
    }

    /// Opens the scene where there is none.
    fn open(&mut self) -> anyhow::Result<(&mut Scene, &mut Random)> {
        if self.scene.is_none() {
            self.begun += 1;
            let data = self.home.path().join(format!("data{}", self.begun));
            let mut start = Start::in_folder(&self.setting.program, data);
            (self.adjust)(&mut start);
            self.scene = Some(Scene::open(start, self.shape, &mut self.random)?);
        }
        let scene = self.scene.as_mut().expect("it is open");
        Ok((scene, &mut self.random))
    }

    /// Judges a cycle.
    fn settle(&mut self, history: &[Operation], report: &mut Report) {
        let Some(scene) = &mut self.scene else { return };
        let tally = scene.settle(history).unwrap_or_else(|error| {
            // Nothing that was acknowledged can be had any more.
            let mut tally = Tally { cycles: 1, ..Tally::default() };
            tally.wrong(format!("{error:#}"));
            tally
        });
        if !tally.is_clean() {
            self.scene = None;
        }
        report.tally += tally;
    }
}
