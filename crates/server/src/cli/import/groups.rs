//! The face of contract 1: groups, matched by `externalReferenceId`.

use serde::Deserialize;

use super::answer::{self, Outcome, Problem};
use super::face::{Blame, Face, Identity, Reference, Refusal, Table};
use super::record::Record;
use super::summary::Summary;

/// The fields of the contract. A header must name at least one: else the file is not what it is taken for.
const FIELDS: [&str; 7] = [
    "externalReferenceId",
    "externalReferenceType",
    "name",
    "description",
    "parentExternalReferenceId",
    "photoUrl",
    "logoUrl",
];

/// The face of groups.
#[derive(Debug)]
pub(super) struct Groups;

#[derive(Deserialize)]
struct Keys {
    #[serde(rename = "externalReferenceId")]
    key: String,
    #[serde(rename = "parentExternalReferenceId")]
    parent: Option<String>,
}

impl Face for Groups {
    fn path(&self) -> &'static str {
        "/v3/groups/batch-upsert"
    }

    fn frame(&self) -> (&str, &str) {
        ("{\"groups\":[", "]}")
    }

    fn outcomes(&self, answer: &[u8], records: &[&Record]) -> Result<Vec<Outcome>, String> {
        answer::read(answer, records.len())
    }

    fn refusal(&self, answer: &[u8], _records: usize) -> Refusal {
        Refusal { problem: Problem::read(answer), blame: Blame::Request }
    }

    fn identity(&self, object: &str) -> Option<Identity> {
        let keys: Keys = serde_json::from_str(object).ok()?;
        let reference = |key| Reference::Key { key, source: None };
        Some(Identity { own: vec![reference(keys.key)], parent: keys.parent.map(reference) })
    }

    fn knows(&self, column: &str) -> bool {
        FIELDS.contains(&column)
    }

    fn columns(&self) -> Vec<String> {
        FIELDS.map(str::to_owned).to_vec()
    }

    fn table(&self, _names: &[Option<&str>]) -> Result<Table, String> {
        // The server says which field it does not know, and takes the others.
        Ok(Table::Flat)
    }

    fn summary(&self) -> Summary {
        Summary::default()
    }
}
