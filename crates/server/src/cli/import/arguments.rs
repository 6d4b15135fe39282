//! The command line of `rosterd import`.

use std::path::PathBuf;

use encoding_rs::Encoding;

use super::face::Face;
use super::groups::Groups;
use super::send::Mode;
use super::source::Format;
use super::stop::{Reason, Stop};
use super::usergroups::{self, Directive, Key, Usergroups};
use super::{csv, send};
use crate::cli::exit;

const EXAMPLES: &str = "Examples:
  rosterd import groups.ndjson
  rosterd import --dry-run groups.csv
  rosterd import --server https://groups.example.org --key-file key.txt groups.csv more.ndjson
  rosterd import groups.failed.csv                       (after repairing it)
  rosterd import --face usergroups --key sourceId --directive skipCreate usergroups.csv
  export-groups | rosterd import --format csv --delimiter tab -";

/// The rules that fit no single option, then the exit codes.
fn after_help() -> String {
    format!(
        "The key is read from --key-file or from ROSTERD_KEY, never from the command line.

NDJSON is one JSON object a line. CSV has the field names in its first line; a blank cell leaves the field as \
it is, \"\" (quoted) is the empty string, \\N is null.

With --face usergroups the columns are id, name, language, company, department, office, notes, \
inheritProductList, inheritOrderList, budgetInherit, budget, orderListAllowAll, sourceId, source, parent.id, \
parent.sourceId, parent.source, attributes.NAME (of class user; values of a list between |), attributes.NAME.EN (a \
text or list in a language), addresses[0].street (any field of an address, any index). A parent or an address with \
no cell is absent; an address without addresses[0].code is added anew each time. A usergroup that the server \
refuses a whole batch for fails alone.

Parents may come after their children, in any file: records whose parent is missing are sent again when \
everything else is done. A file should hold one record per key: twice in one batch, both fail; in two \
batches, the later one wins only if neither waits for its parent and --parallel is 1.

Records that fail are written to FILE.failed.ndjson or FILE.failed.csv (groups.failed.csv for groups.csv) with \
_error_code, _error_reason, _error_field and _error_message. Repair that file and import it: these four are \
ignored. A line that could not be read is there under _raw: put the repaired record in its place. The server \
hands out the failed records of a run in the same layout (GET /v3/runs/ID?format=csv or ndjson; of usergroups ndjson alone).

{}",
        exit::HELP
    )
}

/// The faces of the server that take records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FaceName {
    /// Groups, matched by externalReferenceId
    Groups,
    /// Usergroups, matched by what --key says
    Usergroups,
}

/// Send the records of NDJSON or CSV files to a server, batch by batch
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES, after_help = after_help())]
pub(crate) struct Arguments {
    /// The files to import, one after another; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    /// What the records are
    #[arg(long, value_name = "FACE", value_enum, default_value_t = FaceName::Groups)]
    pub(super) face: FaceName,

    /// What usergroups are matched by
    #[arg(long, value_name = "KEY", value_enum, requires = "face", required_if_eq("face", "usergroups"))]
    pub(super) key: Option<Key>,

    /// What holds for all usergroups: skipCreate, skipMoveOnUpdate, mergeTranslationsOnUpdate, or
    /// skipIfNotEmpty=name,notes; can be given several times
    #[arg(long = "directive", value_name = "NAME", requires = "face", value_parser = usergroups::parse_directive)]
    pub(super) directives: Vec<Directive>,

    /// The server's address
    #[arg(
        long,
        value_name = "URL",
        env = "ROSTERD_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_parser = send::parse_server
    )]
    pub(super) server: String,

    /// A file whose first line is the API key
    #[arg(long, value_name = "F")]
    pub(super) key_file: Option<PathBuf>,

    /// How many records are sent at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub(super) batch_size: u16,

    /// How many batches are in flight at once
    ///
    /// With more than one their order is not that of the file. The server applies the batches of a tenant one
    /// after another anyway, and the next one is read while one is in flight, so more than one only makes up
    /// for a slow network.
    // That order decides between two records with the same key: not a price to pay by default.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) parallel: u16,

    /// Ask the server what would happen, write nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// End standard output with one line of JSON: {"summary": {…}}
    #[arg(long)]
    pub(super) json: bool,

    /// The format, where neither the file's name nor its first character tells it
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(super) format: Option<Format>,

    /// The character encoding (utf-8, utf-16le, windows-1252, …) instead of the one found
    #[arg(long, value_name = "NAME", value_parser = parse_encoding)]
    pub(super) encoding: Option<&'static Encoding>,

    /// The CSV delimiter (`;`, `,`, `tab`, …) instead of the one found
    #[arg(long, value_name = "CHAR", value_parser = csv::parse_delimiter)]
    pub(super) delimiter: Option<char>,
}

fn parse_encoding(label: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label_no_replacement(label.as_bytes())
        .ok_or_else(|| "not a known encoding; utf-8, utf-16le, utf-16be and windows-1252 are".to_owned())
}

impl Arguments {
    /// The face that the records go to.
    pub(super) fn face(&self) -> Result<Box<dyn Face>, Stop> {
        match (self.face, self.key) {
            (FaceName::Usergroups, Some(key)) => Ok(Box::new(Usergroups::new(key, &self.directives))),
            (FaceName::Groups, None) if self.directives.is_empty() => Ok(Box::new(Groups)),
            (FaceName::Usergroups, None) => {
                Err(Stop::new(Reason::Input, "--face usergroups needs --key id or --key sourceId"))
            }
            (FaceName::Groups, _) => {
                Err(Stop::new(Reason::Input, "--key and --directive are for --face usergroups"))
            }
        }
    }

    /// Whether the batches are to be written.
    pub(super) fn mode(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Write }
    }
}
