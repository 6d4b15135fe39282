//! The failed file: the records of one input that were not done, to be repaired and imported again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::csv::Header;
use super::record::{Failure, Kept};

/// What the failed file looks like: the same as its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    Ndjson,
    Csv { header: Header, mark: Mark },
}

/// Whether a CSV file starts with a byte order mark. Spreadsheets take UTF-8 for Windows-1252 without one,
/// so it is written where the input shows that it came from one: by a mark, or by another encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Present,
    Absent,
}

impl Layout {
    /// The file name extension.
    pub(super) fn extension(&self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv { .. } => "csv",
        }
    }

    fn first_line(&self) -> Option<String> {
        match self {
            Self::Ndjson => None,
            Self::Csv { header, mark: Mark::Absent } => Some(header.failed_header()),
            Self::Csv { header, mark: Mark::Present } => Some(format!("\u{FEFF}{}", header.failed_header())),
        }
    }

    fn line(&self, failure: &Failure) -> String {
        match (self, &failure.kept) {
            (Self::Csv { header, .. }, kept) => header.failed_row(kept, &failure.fault),
            (Self::Ndjson, Kept::Object(object) | Kept::Row { text: object, .. }) => {
                faces::failed::line(object, failure.fault.cells())
            }
        }
    }
}

/// The failed file of one input.
///
/// Until the end its lines are in a file without a name. So an import that is interrupted leaves neither half
/// a failed file nor the one of an earlier import replaced.
#[derive(Debug)]
pub(super) struct FailedFile {
    target: PathBuf,
    layout: Layout,
    lines: Option<BufWriter<File>>,
}

/// How the import ended, as far as failed files are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Every record was tried.
    Complete,
    /// The import stopped before its time.
    Stopped,
}

impl FailedFile {
    /// The failed file at this path. Nothing is written there before [`FailedFile::finish`].
    pub(super) fn new(target: PathBuf, layout: Layout) -> Self {
        Self { target, layout, lines: None }
    }

    /// Adds a record.
    pub(super) fn push(&mut self, failure: &Failure) -> io::Result<()> {
        let line = self.layout.line(failure);
        let file = if let Some(file) = &mut self.lines {
            file
        } else {
            let file = self.lines.insert(BufWriter::new(tempfile::tempfile()?));
            if let Some(first) = self.layout.first_line() {
                writeln!(file, "{first}")?;
            }
            file
        };
        writeln!(file, "{line}")
    }

    /// Puts the file in its place and says where that is, if any record failed. If none did, the file of an
    /// earlier import is removed, unless this one has not tried all the records.
    pub(super) fn finish(self, end: End) -> io::Result<Option<PathBuf>> {
        let Some(lines) = self.lines else {
            if end == End::Complete && self.target.is_file() {
                fs::remove_file(&self.target)?;
            }
            return Ok(None);
        };
        let mut lines = lines.into_inner().map_err(io::IntoInnerError::into_error)?;
        lines.rewind()?;
        let directory = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
        io::copy(&mut lines, file.as_file_mut())?;
        file.persist(&self.target)?;
        Ok(Some(self.target))
    }
}

/// Where the failed records of each input go: `groups.csv` has `groups.failed.csv`. Where that is an input
/// itself, or taken by another one (`groups.tsv`), it is `groups.csv.failed.csv`. No path is an input, and
/// none is there twice; `None` where even the longer name is taken.
pub(super) fn targets(inputs: &[(PathBuf, &'static str)]) -> Option<Vec<PathBuf>> {
    let mut taken: HashSet<PathBuf> = inputs.iter().map(|(path, _)| same_file_key(path)).collect();
    inputs
        .iter()
        .map(|(path, extension)| {
            let stem = path.file_stem().unwrap_or_default();
            let name = path.file_name().unwrap_or_default();
            [stem, name].into_iter().find_map(|base| {
                let mut file_name = base.to_owned();
                file_name.push(format!(".failed.{extension}"));
                let target = path.with_file_name(file_name);
                taken.insert(same_file_key(&target)).then_some(target)
            })
        })
        .collect()
}

/// A path under which the same file is found again when it is named differently (`./a.csv`, a link).
fn same_file_key(path: &Path) -> PathBuf {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    fs::canonicalize(path)
        .or_else(|_| fs::canonicalize(directory).map(|directory| directory.join(name)))
        .unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{End, FailedFile, Failure, Kept, Layout, fs, targets};
    use crate::cli::import::record::{Fault, Origin};

    fn check(inputs: &[(&str, &'static str)], expected: &[&str]) {
        let inputs: Vec<(PathBuf, &str)> =
            inputs.iter().map(|(path, extension)| (PathBuf::from(path), *extension)).collect();
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(targets(&inputs), Some(expected), "{inputs:?}");
    }

    #[test]
    fn the_failed_file_lies_beside_its_input() {
        check(&[("groups.ndjson", "ndjson")], &["groups.failed.ndjson"]);
        check(&[("/no/groups.tsv", "csv")], &["/no/groups.failed.csv"]);
        check(&[("a.b", "csv"), ("plain", "ndjson")], &["a.failed.csv", "plain.failed.ndjson"]);
    }

    #[test]
    fn no_input_is_ever_overwritten() {
        check(&[("groups.failed.ndjson", "ndjson")], &["groups.failed.failed.ndjson"]);
        check(
            &[("groups.csv", "csv"), ("./groups.failed.csv", "csv")],
            &["groups.csv.failed.csv", "./groups.failed.failed.csv"],
        );
        check(&[("g.csv", "csv"), ("g.tsv", "csv")], &["g.failed.csv", "g.tsv.failed.csv"]);
        let thrice = vec![(PathBuf::from("g.csv"), "csv"); 3];
        assert_eq!(targets(&thrice), None);
    }

    fn write(target: &Path, failures: &[&str], end: End) {
        let mut file = FailedFile::new(target.to_owned(), Layout::Ndjson);
        for object in failures {
            let fault = Fault::of_record("X", "m".into());
            let kept = Kept::Object((*object).to_owned());
            file.push(&Failure { origin: Origin { input: 0, line: 1 }, kept, fault }).expect("pushed");
        }
        let expected = (!failures.is_empty()).then(|| target.to_owned());
        assert_eq!(file.finish(end).expect("finished"), expected);
    }

    #[test]
    fn a_complete_import_replaces_or_removes_the_file_of_an_earlier_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("g.failed.ndjson");
        write(&target, &["{}"], End::Complete);
        let content = fs::read_to_string(&target).expect("written");
        assert_eq!(
            content,
            "{\"_error_code\":\"X\",\"_error_reason\":\"\",\"_error_field\":\"\",\"_error_message\":\"m\"}\n"
        );
        write(&target, &[], End::Stopped);
        assert!(target.exists(), "a stopped import has not tried everything");
        write(&target, &[], End::Complete);
        assert!(!target.exists());
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 0, "nothing is left behind");
    }
}
