//! A file system of one's own. Only root may mount one, and not on every machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// What folders of rigs are called; the process that made them follows.
const NAME: &str = "rosterd-rig-";
/// Where a loop device does not wait for a disk.
const MEMORY: &str = "/dev/shm";

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{command:?} fails: {}", String::from_utf8_lossy(&output.stderr).trim())
}

/// A folder in memory where there is such a thing, named after this process.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    let base = if Path::new(MEMORY).is_dir() { PathBuf::from(MEMORY) } else { std::env::temp_dir() };
    sweep(&base);
    let name = format!("{NAME}{}-", std::process::id());
    tempfile::Builder::new().prefix(&name).tempdir_in(base).context("a folder for the rig")
}

/// Takes away what rigs that were killed have left behind.
fn sweep(base: &Path) {
    let left = fs::read_dir(base).into_iter().flatten().flatten();
    for path in left.map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pid = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next()?.parse().ok());
        let is_dead = pid.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_err());
        if is_dead {
            for mount in [Volume::mount_in(&path), path.join("small")] {
                drop(unmount(&mount));
            }
            drop(fs::remove_dir_all(&path));
        }
    }
}

fn unmount(folder: &Path) -> anyhow::Result<()> {
    run(Command::new("umount").arg(folder))
}

/// Why this machine lets nobody mount, if it is so.
pub(crate) fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root, to mount".to_owned());
    }
    let missing = |name: &&&str| Command::new(name).arg("--version").output().is_err();
    if let Some(name) = ["mount", "umount", "mkfs.ext4", "losetup"].iter().find(missing) {
        return Some(format!("{name} is not installed"));
    }
    let tried = folder().and_then(|folder| Volume::make(folder.path()));
    tried.err().map(|error| format!("{error:#}"))
}

/// An ext4 in a file, mounted; with it goes the mount.
#[derive(Debug)]
pub(crate) struct Volume {
    home: PathBuf,
    is_mounted: bool,
}

impl Volume {
    fn mount_in(home: &Path) -> PathBuf {
        home.join("mount")
    }

    pub(crate) fn make(home: &Path) -> anyhow::Result<Self> {
        let mut volume = Self { home: home.to_owned(), is_mounted: false };
        File::create(volume.image())?.set_len(128 << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(volume.image()))?;
        fs::create_dir_all(volume.folder())?;
        volume.mount()?;
        Ok(volume)
    }

    /// Where it is mounted.
    pub(crate) fn folder(&self) -> PathBuf {
        Self::mount_in(&self.home)
    }

    fn image(&self) -> PathBuf {
        self.home.join("image")
    }

    /// Brings everything that was written to the device.
    pub(crate) fn sync(&self) -> anyhow::Result<()> {
        Ok(rustix::fs::syncfs(File::open(self.folder())?)?)
    }

    /// As after the power has come back: with what has reached the device.
    pub(crate) fn mount(&mut self) -> anyhow::Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.folder()))?;
        self.is_mounted = true;
        Ok(())
    }

    pub(crate) fn unmount(&mut self) -> anyhow::Result<()> {
        unmount(&self.folder())?;
        self.is_mounted = false;
        Ok(())
    }

    /// The device as it is now, beside what the system still has in memory.
    pub(crate) fn copy_device(&self) -> anyhow::Result<()> {
        let sparse = ["--sparse=always", "--reflink=never"];
        run(Command::new("cp").args(sparse).arg(self.image()).arg(self.copy()))
    }

    fn copy(&self) -> PathBuf {
        self.home.join("copy")
    }

    /// Goes on with the copy.
    pub(crate) fn take_copy(&mut self) -> anyhow::Result<()> {
        self.unmount()?;
        fs::rename(self.copy(), self.image())?;
        self.mount()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_mounted && self.unmount().is_err() {
            // Somebody has a file open that goes with its process.
            drop(run(Command::new("umount").arg("--lazy").arg(self.folder())));
        }
    }
}

/// A file system of this size in memory.
#[derive(Debug)]
pub(crate) struct Small {
    folder: PathBuf,
}

impl Small {
    pub(crate) fn mount(home: &Path, kib: usize) -> anyhow::Result<Self> {
        let folder = home.join("small");
        fs::create_dir_all(&folder)?;
        let size = format!("size={kib}k");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder))?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes it larger or smaller while it is in use.
    pub(crate) fn resize(&self, kib: usize) -> anyhow::Result<()> {
        let size = format!("remount,size={kib}k");
        run(Command::new("mount").args(["-o", &size]).arg(&self.folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        if unmount(&self.folder).is_err() {
            drop(run(Command::new("umount").arg("--lazy").arg(&self.folder)));
        }
    }
}

/// Builds one of the C sources beside this file.
pub(crate) fn compile(home: &Path, name: &str, source: &str, options: &[&str]) -> anyhow::Result<PathBuf> {
    let (from, to) = (home.join(format!("{name}.c")), home.join(name));
    fs::write(&from, source)?;
    run(Command::new("cc").args(["-O1", "-Wall", "-o"]).arg(&to).args(options).arg(&from).arg("-ldl"))?;
    Ok(to)
}
