//! Opens an input: finds out its format, its encoding and its delimiter, and reads its records.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use encoding_rs::{Encoding, UTF_8};

use super::csv::{self, display_delimiter};
use super::encoding::{self, Detected, Extent, Known, detect};
use super::face::{Face, Table};
use super::failed::{Layout, Mark};
use super::ndjson;
use super::record::{InputFault, Item};
use super::text::Text;
use super::usergroups::Columns;

/// How much of an input the guesses rest on.
const PREFIX_BYTES: u64 = 64 * 1024;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line
    Ndjson,
    /// A table with the field names in its first line
    Csv,
}

/// What the command line says about all inputs; the rest is found out for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options<'a> {
    pub(super) face: &'a dyn Face,
    pub(super) format: Option<Format>,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) delimiter: Option<char>,
}

/// An input, opened.
pub(super) struct Source {
    /// What the user calls it.
    pub(super) name: String,
    /// What its failed file is named after.
    pub(super) path: PathBuf,
    /// How its failed file is written.
    pub(super) layout: Layout,
    /// Its length, where it has one.
    pub(super) length_bytes: Option<u64>,
    /// What was guessed about it, where it is not what anyone expects.
    pub(super) note: Option<String>,
    records: Records,
}

enum Records {
    Ndjson(Text),
    Csv(csv::Rows),
}

/// The bytes of an input, not looked at yet.
pub(super) struct Bytes {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) length: Option<u64>,
    /// A file is read once more before it is sent: what looks like UTF-8 at first may not be so to its end.
    pub(super) again: Option<File>,
    pub(super) content: Box<dyn Read + Send>,
}

impl Bytes {
    /// Opens a file.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let length = metadata.is_file().then_some(metadata.len());
        let again = metadata.is_file().then(|| File::open(path)).transpose()?;
        let name = path.display().to_string();
        Ok(Self { name, path: path.to_owned(), length, again, content: Box::new(file) })
    }

    /// Standard input; its failed file goes to `directory`.
    pub(super) fn of_stdin(content: Box<dyn Read + Send>, directory: &Path) -> Self {
        Self {
            name: "standard input".to_owned(),
            path: directory.join("stdin"),
            length: None,
            again: None,
            content,
        }
    }
}

impl Source {
    /// Finds out what an input is and reads up to its first record.
    pub(super) fn open(
        input: Bytes,
        options: Options<'_>,
        consumed: Arc<AtomicU64>,
    ) -> Result<Self, InputFault> {
        let Bytes { name, path, length, again, mut content } = input;
        let mut prefix = Vec::new();
        content
            .by_ref()
            .take(PREFIX_BYTES)
            .read_to_end(&mut prefix)
            .map_err(|error| InputFault::whole(format!("cannot be read: {error}")))?;
        let extent = if (prefix.len() as u64) < PREFIX_BYTES { Extent::Whole } else { Extent::Prefix };
        let mut detected = detect(&prefix, extent, options.encoding);
        if let (Known::Valid, Extent::Prefix, Some(again)) = (detected.known, extent, again) {
            let other = encoding::first_that_is_no_utf8(again)
                .map_err(|error| InputFault::whole(format!("cannot be read: {error}")))?;
            detected = other.map_or(detected, |bytes| detect(&bytes, extent, None));
        }
        let mut text = Text::new(Box::new(Cursor::new(prefix).chain(content)), detected, consumed);
        let records = match decide_format(&mut text, &path, options.format)? {
            Format::Ndjson => Records::Ndjson(text),
            Format::Csv => Records::Csv(csv::Rows::open(text, options.delimiter, options.face)?),
        };
        let layout = layout(&records, detected);
        let note = note(&layout, detected, options).map(|note| format!("{name}: {note}"));
        Ok(Self { name, path, layout, length_bytes: length, note, records })
    }

    /// How the rows of a table become records, where they are put together.
    pub(super) fn columns(&mut self) -> Option<&mut Columns> {
        match &mut self.records {
            Records::Csv(csv::Rows { table: Table::Nested(columns), .. }) => Some(columns),
            Records::Csv(_) | Records::Ndjson(_) => None,
        }
    }

    /// Reads the next record; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Item>, InputFault> {
        match &mut self.records {
            Records::Ndjson(text) => ndjson::next(text),
            Records::Csv(rows) => rows.next(),
        }
    }
}

/// What was asked for, what the name says, or what the first character says.
fn decide_format(text: &mut Text, path: &Path, asked: Option<Format>) -> Result<Format, InputFault> {
    if let Some(format) = asked {
        return Ok(format);
    }
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "ndjson" | "jsonl" => Ok(Format::Ndjson),
        "csv" | "tsv" | "txt" => Ok(Format::Csv),
        "json" => refuse_document(text.peek()?).map(|()| Format::Ndjson),
        _ => {
            let start = text.peek()?;
            refuse_document(start)?;
            Ok(if start.starts_with('{') { Format::Ndjson } else { Format::Csv })
        }
    }
}

/// One JSON document is not NDJSON. It would have to be read as a whole; saying how to convert it keeps the
/// memory bounded and the rules few.
fn refuse_document(start: &str) -> Result<(), InputFault> {
    let inner = start.strip_prefix('{').map(str::trim_start);
    let (what, filter) = if start.starts_with('[') {
        ("one JSON array", ".[]")
    } else if inner.is_some_and(|inner| inner.starts_with("\"groups\"")) {
        ("one request body", ".groups[]")
    } else if inner.is_some_and(|inner| inner.starts_with("\"usergroups\"")) {
        ("one request body", ".usergroups[]")
    } else if start.starts_with("{\n") || start.starts_with("{\r\n") {
        ("JSON over several lines", ".")
    } else {
        return Ok(());
    };
    Err(InputFault::whole(format!(
        "holds {what}, but one record a line is needed; convert it: jq -c '{filter}' FILE > FILE.ndjson"
    )))
}

fn layout(records: &Records, detected: Detected) -> Layout {
    match records {
        Records::Ndjson(_) => Layout::Ndjson,
        Records::Csv(rows) => {
            let plain = detected.encoding == UTF_8 && detected.known != Known::Marked;
            let mark = if plain { Mark::Absent } else { Mark::Present };
            Layout::Csv { header: rows.header.clone(), mark }
        }
    }
}

/// What the user should know of the guesses: nothing where UTF-8 and commas were found, or where the command
/// line said it all.
fn note(layout: &Layout, detected: Detected, options: Options<'_>) -> Option<String> {
    let encoding_is_news = matches!(detected.known, Known::Marked | Known::Guessed);
    match layout {
        Layout::Csv { header, .. } => {
            let delimiter_is_news = options.delimiter.is_none() && header.delimiter != ',';
            (encoding_is_news || delimiter_is_news).then(|| {
                format!("{}, delimiter {}", detected.describe(), display_delimiter(header.delimiter))
            })
        }
        Layout::Ndjson => encoding_is_news.then(|| detected.describe()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::{Bytes, Format, InputFault, Layout, Options, Source};
    use crate::cli::import::groups::Groups;

    impl Default for Options<'_> {
        fn default() -> Self {
            Self { face: &Groups, format: None, encoding: None, delimiter: None }
        }
    }

    fn open(name: &str, content: &[u8], format: Option<Format>) -> Result<Source, InputFault> {
        let content = Box::new(Cursor::new(content.to_vec()));
        let input =
            Bytes { name: name.to_owned(), path: PathBuf::from(name), length: None, again: None, content };
        Source::open(input, Options { format, ..Options::default() }, Arc::default())
    }

    /// The format that is decided on, and the note.
    fn check(name: &str, content: &[u8], format: Option<Format>, expected: Format, note: Option<&str>) {
        let source = open(name, content, format).unwrap_or_else(|fault| panic!("{}", fault.describe(name)));
        let found = if source.layout == Layout::Ndjson { Format::Ndjson } else { Format::Csv };
        assert_eq!(found, expected, "{name}");
        assert_eq!(source.note.as_deref(), note, "{name}");
    }

    fn check_refused(name: &str, content: &[u8], expected: &str) {
        let Err(fault) = open(name, content, None) else { panic!("{name} was opened") };
        assert!(fault.describe(name).contains(expected), "{}", fault.describe(name));
    }

    #[test]
    fn the_format_is_asked_for_named_or_seen() {
        check("a.ndjson", b"name\n", None, Format::Ndjson, None);
        check("a.JSONL", b"{}", None, Format::Ndjson, None);
        check("a.json", b"{\"name\":1}", None, Format::Ndjson, None);
        check("a.csv", b"name\n", None, Format::Csv, None);
        check("a.ndjson", b"name\n", Some(Format::Csv), Format::Csv, None);
        check("-", b"\xEF\xBB\xBF\n {}", None, Format::Ndjson, Some("-: UTF-8 (byte order mark)"));
        check("-", b"name\n", None, Format::Csv, None);
    }

    #[test]
    fn guesses_that_are_not_the_default_are_told() {
        check("a.csv", b"name;city\n", None, Format::Csv, Some("a.csv: UTF-8, delimiter ';'"));
        check("a.tsv", b"name\tcity\n", None, Format::Csv, Some("a.tsv: UTF-8, delimiter tab"));
        let windows = b"name;description\ncaf\xE9;l\x92\xE9t\xE9 \x96 10 \x80\n";
        check("a.txt", windows, None, Format::Csv, Some("a.txt: Windows-1252 (guessed), delimiter ';'"));
    }

    #[test]
    fn a_json_document_is_refused_with_the_way_to_convert_it() {
        check_refused("a.json", b"\n[{}]", "jq -c '.[]'");
        check_refused("a.json", b"{ \"groups\": [] }", "jq -c '.groups[]'");
        check_refused("a.json", b"{\"usergroups\": [] }", "jq -c '.usergroups[]'");
        check_refused("-", b"{\n  \"name\": 1\n}", "jq -c '.'");
        check_refused("-", b"[1]", "one JSON array");
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        assert!(Bytes::of_file(Path::new("/no/such/file")).is_err());
        let directory = Bytes::of_file(Path::new("/")).expect("a directory can be opened");
        let fault = Source::open(directory, Options::default(), Arc::default()).err().expect("not read");
        assert!(fault.message.contains("cannot be read"), "{}", fault.message);
    }
}
