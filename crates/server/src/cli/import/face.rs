//! What an import has to know of the face of the server that it sends its records to: where batches go, how
//! a body is made, how its answer is read, and what the columns of a table stand for. Everything else is
//! the same for every face.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::answer::{Outcome, Problem};
use super::record::{Fault, Record};
use super::summary::Summary;
use super::usergroups::Columns;

/// One face of the server.
pub(super) trait Face: Debug + Sync {
    /// The path that takes batches.
    fn path(&self) -> &'static str;

    /// What the body of a batch holds before and after its records.
    fn frame(&self) -> (&str, &str);

    /// Reads the answer to a batch: one outcome per record, in the order of the records. Anything that leaves
    /// open what became of a record is an error.
    fn outcomes(&self, answer: &[u8], records: &[&Record]) -> Result<Vec<Outcome>, String>;

    /// Reads the answer to a request that was refused.
    fn refusal(&self, answer: &[u8], records: usize) -> Refusal;

    /// By which references a record is known, and which one names its parent.
    fn identity(&self, object: &str) -> Option<Identity>;

    /// Whether a column of this name is one of a field.
    fn knows(&self, column: &str) -> bool;

    /// The names of columns, for messages.
    fn columns(&self) -> Vec<String>;

    /// How the rows below these names become records: of each column its name, if it holds a field.
    fn table(&self, names: &[Option<&str>]) -> Result<Table, String>;

    /// The numbers of an import that has done nothing yet.
    fn summary(&self) -> Summary;
}

/// How the rows of a table become records.
#[derive(Debug)]
pub(super) enum Table {
    /// Each cell is a member of the record.
    Flat,
    /// Cells are put together to objects and lists.
    Nested(Columns),
}

/// A request that was refused as a whole.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    pub(super) blame: Blame,
}

/// What is wrong with records, by their place in the batch.
pub(super) type Faults = BTreeMap<usize, Vec<Fault>>;

/// What a refused request was refused for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The request, whatever its records are.
    Request,
    /// These records of the batch; without them the others may be taken.
    Records(Faults),
    /// Some record of the batch, but not which.
    Unnamed,
}

/// Under which names other records can refer to a record, and the one that it refers to itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) own: Vec<Reference>,
    pub(super) parent: Option<Reference>,
}

/// A name of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Reference {
    Id(u64),
    /// A key; without a source it is meant in any.
    Key {
        key: String,
        source: Option<String>,
    },
}
