//! `rosterd import`: sends the records of files to a server, batch by batch.
//!
//! A file is read as it is sent; what is kept in memory is the batches in flight and some counters. The way
//! of a record: [`source`] reads it ([`text`], [`encoding`], then [`ndjson`] or [`csv`]), [`flow`] gathers
//! batches, [`send`] delivers them, [`collect`] takes the outcome: counted, kept for another pass
//! ([`deferred`]), or written to the [`failed`] file. What is special to a face of the server is in [`groups`]
//! and [`usergroups`], behind one trait ([`face`]).

mod answer;
mod arguments;
mod collect;
mod csv;
mod deferred;
mod encoding;
mod face;
mod failed;
mod flow;
mod groups;
mod ndjson;
mod progress;
mod record;
mod retry;
mod send;
mod source;
mod stop;
mod summary;
mod text;
mod usergroups;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

pub(crate) use self::arguments::Arguments;
use self::collect::{Collector, Input};
use self::deferred::Deferred;
use self::face::Face;
use self::failed::{End, FailedFile, targets};
use self::flow::{BatchLimits, Outlet};
use self::progress::{Progress, Terminal};
use self::record::{Failure, InputFault, Origin, Record};
use self::send::Client;
use self::source::{Bytes, Options, Source};
use self::stop::{Reached, Reason, Stop};
use self::summary::Summary;
use super::exit::Exit;

/// The body of a batch is kept below this: a server takes 32 MiB by default.
const BATCH_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// What the import gets from the process it runs in; a test gives it something else.
struct Surroundings<'a> {
    stdin: Option<Box<dyn Read + Send>>,
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
    terminal: Terminal,
    /// The key of the environment.
    key: Option<String>,
    /// Where the failed records of standard input go.
    directory: PathBuf,
    sleep: &'a (dyn Fn(Duration) + Sync),
    elapsed: &'a dyn Fn() -> Duration,
}

/// Runs the import; the exit code says how it went.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    let started = Instant::now();
    let terminal = if io::stderr().is_terminal() { Terminal::Present } else { Terminal::Absent };
    import(
        arguments,
        Surroundings {
            stdin: Some(Box::new(io::stdin())),
            stdout: &mut anstream::stdout(),
            stderr: &mut anstream::stderr(),
            terminal,
            key: std::env::var("ROSTERD_KEY").ok(),
            directory: PathBuf::new(),
            sleep: &std::thread::sleep,
            elapsed: &|| started.elapsed(),
        },
    )
}

fn import(arguments: &Arguments, mut around: Surroundings<'_>) -> Exit {
    let (mut summary, exit) = match arguments.face() {
        Ok(face) => import_to(&*face, arguments, &mut around),
        Err(stop) => (Summary::default(), refuse(&stop, &mut around)),
    };
    summary.seconds = (around.elapsed)().as_secs_f64();
    let text = if arguments.json { summary.json() } else { summary.text(arguments.mode()) };
    match writeln!(around.stdout, "{text}").and_then(|()| around.stdout.flush()) {
        Err(_) if exit == Exit::Success => Exit::Failure,
        _ => exit,
    }
}

fn import_to(face: &dyn Face, arguments: &Arguments, around: &mut Surroundings<'_>) -> (Summary, Exit) {
    match prepare(face, arguments, around) {
        Ok(prepared) => transfer(face, arguments, prepared, around),
        Err(stop) => (face.summary(), refuse(&stop, around)),
    }
}

/// Tells why nothing is sent.
fn refuse(stop: &Stop, around: &mut Surroundings<'_>) -> Exit {
    let _ = writeln!(around.stderr, "error: {}", stop.message);
    stop.exit(Reached::Nothing)
}

/// What is known before anything is sent.
struct Prepared<'a> {
    client: Client<'a>,
    sources: Vec<Source>,
    /// Of each source, in the same order.
    failed: Vec<PathBuf>,
    consumed_bytes: Arc<AtomicU64>,
}

/// Reads the key and opens all inputs, so that a wrong name or a file that is no table is found before the
/// first record is written.
fn prepare<'a, 's: 'a>(
    face: &'a dyn Face,
    arguments: &'a Arguments,
    around: &mut Surroundings<'s>,
) -> Result<Prepared<'a>, Stop> {
    let key = read_key(arguments.key_file.as_deref(), around.key.take())?;
    let client = Client::new(&arguments.server, face, &key, arguments.mode(), around.sleep);
    let Arguments { format, encoding, delimiter, .. } = *arguments;
    let options = Options { face, format, encoding, delimiter };
    let consumed_bytes = Arc::default();
    let mut sources = Vec::new();
    for path in &arguments.files {
        let name = path.display();
        let refuse = |fault: &InputFault| Stop::new(Reason::Input, fault.describe(&name.to_string()));
        let bytes = open(path, around).map_err(|fault| refuse(&fault))?;
        let source =
            Source::open(bytes, options, Arc::clone(&consumed_bytes)).map_err(|fault| refuse(&fault))?;
        if let Some(note) = &source.note {
            let _ = writeln!(around.stderr, "{note}");
        }
        sources.push(source);
    }
    let names: Vec<_> =
        sources.iter().map(|source| (source.path.clone(), source.layout.extension())).collect();
    let failed = targets(&names).ok_or_else(|| {
        Stop::new(Reason::Input, "the files have names so alike that their failed files would be one")
    })?;
    let stderr = RefCell::new(&mut *around.stderr);
    let notice = |text: String| drop(writeln!(stderr.borrow_mut(), "{text}"));
    usergroups::learn(&client, &mut sources, &notice)?;
    Ok(Prepared { client, sources, failed, consumed_bytes })
}

fn open(path: &Path, around: &mut Surroundings<'_>) -> Result<Bytes, InputFault> {
    if path.as_os_str() != "-" {
        return Bytes::of_file(path).map_err(|error| InputFault::whole(error.to_string()));
    }
    let bytes =
        around.stdin.take().ok_or_else(|| InputFault::whole("standard input can be read only once"))?;
    Ok(Bytes::of_stdin(bytes, &around.directory))
}

fn read_key(file: Option<&Path>, environment: Option<String>) -> Result<String, Stop> {
    let refuse = |message: String| Stop::new(Reason::Unauthorised, message);
    let text = match file {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| refuse(format!("the key file {}: {error}", path.display())))?,
        None => environment
            .ok_or_else(|| refuse("no API key: give --key-file FILE, or set ROSTERD_KEY".to_owned()))?,
    };
    let key = text.lines().next().unwrap_or_default().trim();
    // The key goes into a header; the message must not repeat it.
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let place = file.map_or("ROSTERD_KEY".to_owned(), |path| path.display().to_string());
        return Err(refuse(format!("the API key in {place} is empty or has characters that no key has")));
    }
    Ok(key.to_owned())
}

/// Sends everything, and tells how it went.
fn transfer(
    face: &dyn Face,
    arguments: &Arguments,
    prepared: Prepared<'_>,
    around: &mut Surroundings<'_>,
) -> (Summary, Exit) {
    let Prepared { client, sources, failed, consumed_bytes } = prepared;
    let length_bytes = sources.iter().map(|source| source.length_bytes).sum();
    let inputs = sources
        .iter()
        .zip(failed)
        .map(|(source, path)| Input {
            name: source.name.clone(),
            failed: FailedFile::new(path, source.layout.clone()),
        })
        .collect();
    let progress = Progress::new(around.terminal, length_bytes);
    let mut collector =
        Collector::new(face, inputs, arguments.mode(), progress, consumed_bytes, around.stderr);

    let sent = send_all(arguments, &client, sources, &mut collector);
    // After a stop too: the records that were tried and not done must not be lost from the failed files.
    let given_up = collector.give_up_waiting();
    let stop = sent.and(given_up).err();
    let end = if stop.is_some() { End::Stopped } else { End::Complete };
    let description = stop.as_ref().map(|stop| collector.describe(stop));
    let (summary, finished) = collector.finish(end);
    for problem in description.into_iter().chain(finished.as_ref().err().map(|stop| stop.message.clone())) {
        let _ = writeln!(around.stderr, "error: {problem}");
    }
    if end == End::Stopped && summary.records > 0 {
        let _ = writeln!(
            around.stderr,
            "stopped after {} records; import the same files again: what is done will be unchanged",
            summary.records
        );
    }
    let exit = match stop.or(finished.err()) {
        Some(stop) => stop.exit(summary.reached(client.has_sent())),
        None => summary.exit(),
    };
    (summary, exit)
}

/// Sends the records of all inputs, then those that wait for their parent, as long as that helps.
fn send_all(
    arguments: &Arguments,
    client: &Client<'_>,
    sources: Vec<Source>,
    collector: &mut Collector<'_>,
) -> Result<(), Stop> {
    let limits = BatchLimits { records: usize::from(arguments.batch_size), bytes: BATCH_LIMIT_BYTES };
    let parallel = usize::from(arguments.parallel);
    let mut before = collector.summary.clone();
    flow::run(client, parallel, limits, |outlet| read_sources(sources, outlet), &mut |event| {
        collector.take(event)
    })?;
    if arguments.dry_run {
        return collector.judge_waiting();
    }
    // Only what other requests of the pass have written can help a record that waits; a pass of one request
    // is the server's last word.
    while collector.waiting() > 0
        && collector.summary.done() > before.done()
        && collector.summary.batches > before.batches + 1
    {
        before = collector.summary.clone();
        collector
            .say(&format!("{} records came before their parents: sending them again", collector.waiting()));
        let waiting = collector.take_waiting()?;
        flow::run(client, parallel, limits, |outlet| read_waiting(waiting, outlet), &mut |event| {
            collector.take(event)
        })?;
    }
    Ok(())
}

fn read_sources(sources: Vec<Source>, outlet: &mut Outlet) -> Result<(), Stop> {
    for (input, mut source) in sources.into_iter().enumerate() {
        loop {
            let item =
                source.next().map_err(|fault| Stop::new(Reason::Input, fault.describe(&source.name)))?;
            let Some(item) = item else { break };
            let origin = Origin { input, line: item.line };
            let goes_on = match item.content {
                Ok(object) => outlet.record(Record { origin, object, row: item.row }),
                Err((kept, fault)) => outlet.unsendable(Failure { origin, kept, fault }),
            };
            if goes_on.is_break() {
                return Ok(());
            }
        }
        if outlet.flush().is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn read_waiting(
    waiting: impl Iterator<Item = io::Result<Deferred>>,
    outlet: &mut Outlet,
) -> Result<(), Stop> {
    for deferred in waiting {
        let deferred = deferred.map_err(|error| Stop::disk("the records that wait", &error))?;
        if outlet.record(deferred.record) == ControlFlow::Break(()) {
            return Ok(());
        }
    }
    let _ = outlet.flush();
    Ok(())
}
