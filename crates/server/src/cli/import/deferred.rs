//! Records that wait for their parent, on disk.
//!
//! A child may come long before its parent: then the server does not find the parent, and the record is
//! tried again when everything else has been sent. How many such records there are depends on the order of
//! the input alone, so they are kept in a file, never in memory.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use directory::ReferenceKey;
use serde::{Deserialize, Serialize};

use super::face::{Identity, Reference};
use super::record::{Fault, Record};

/// A failed record whose parent may still come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deferred {
    pub(super) record: Record,
    /// Final if the parent does not come.
    pub(super) fault: Fault,
}

/// Whether these faults may go away when other records are written.
pub(super) fn may_pass(faults: &[Fault]) -> bool {
    let passes =
        |fault: &Fault| ["PARENT_GROUP_NOT_FOUND", "PARENT_FAILED_IN_REQUEST"].contains(&fault.code.as_str());
    !faults.is_empty() && faults.iter().all(passes)
}

/// The records of one pass that wait for the next one. The file has no name: it is gone with the process,
/// however that ends.
#[derive(Debug, Default)]
pub(super) struct Spill {
    file: Option<BufWriter<File>>,
    count: u64,
}

impl Spill {
    /// How many records wait.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a record.
    pub(super) fn push(&mut self, deferred: &Deferred) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        serde_json::to_writer(&mut *file, deferred)?;
        file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Takes the records out, in the order they were added.
    pub(super) fn drain(&mut self) -> io::Result<impl Iterator<Item = io::Result<Deferred>> + Send + use<>> {
        self.count = 0;
        let file = match self.file.take() {
            Some(file) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                Some(BufReader::new(file))
            }
            None => None,
        };
        let lines = file.into_iter().flat_map(BufRead::lines);
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }
}

/// In a dry run: the references of the groups that would be created. The server does not remember them from
/// one batch to the next, so the client must know them to judge a child in another batch.
///
/// Eight bytes a reference, hashed with the fixed keys of [`DefaultHasher`]: among a million two share a hash
/// once in 37 million imports, and then a dry run is wrong about one record.
#[derive(Debug, Default)]
pub(super) struct WouldBeCreated(HashSet<u64>);

impl WouldBeCreated {
    /// Remembers a group.
    pub(super) fn insert(&mut self, identity: Identity) {
        self.0.extend(identity.own.into_iter().map(hash));
    }

    /// Whether the record's parent would be there by now; then the record would be too, and is remembered.
    pub(super) fn admit(&mut self, identity: Option<Identity>) -> bool {
        let Some(Identity { own, parent: Some(parent) }) = identity else { return false };
        let admitted = self.0.contains(&hash(parent));
        if admitted {
            self.insert(Identity { own, parent: None });
        }
        admitted
    }
}

/// Of the reference as the server compares it: in NFC.
fn hash(reference: Reference) -> u64 {
    let canonical = match reference {
        Reference::Key { key, source } => {
            let canonical = ReferenceKey::parse(&key);
            let key = canonical.as_ref().map_or(key.as_str(), ReferenceKey::as_str).to_owned();
            Reference::Key { key, source }
        }
        Reference::Id(id) => Reference::Id(id),
    };
    let mut hasher = DefaultHasher::new();
    canonical.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{Deferred, Fault, Record, Spill, WouldBeCreated, may_pass};
    use crate::cli::import::face::Face;
    use crate::cli::import::groups::Groups;
    use crate::cli::import::record::{Kept, Origin};

    fn record(object: &str) -> Record {
        Record { origin: Origin { input: 1, line: 7 }, object: object.to_owned(), row: None }
    }

    #[test]
    fn what_is_spilled_comes_back() {
        let mut spill = Spill::default();
        assert_eq!(spill.drain().expect("drained").count(), 0);
        let fault = Fault { code: "P".into(), reason: "R".into(), field: "p".into(), message: "m\n".into() };
        let deferred = Deferred { record: record(r#"{"a":"\ud800","a":"é"}"#), fault };
        let row = Some(Kept::Row { text: "a;\"x\ny\"".into(), cells: 2 });
        let of_table = Deferred { record: Record { row, ..record("{}") }, ..deferred.clone() };
        spill.push(&deferred).expect("pushed");
        spill.push(&of_table).expect("pushed");
        assert_eq!(spill.count(), 2);
        let back: Vec<Deferred> = spill.drain().expect("drained").map(|line| line.expect("a line")).collect();
        assert_eq!(back, [deferred, of_table]);
        assert_eq!(spill.count(), 0);
    }

    #[test]
    fn only_a_missing_parent_may_come_later() {
        let check = |codes: &[&str], expected| {
            let faults: Vec<Fault> = codes.iter().map(|code| Fault::of_record(code, String::new())).collect();
            assert_eq!(may_pass(&faults), expected, "{codes:?}");
        };
        check(&["PARENT_GROUP_NOT_FOUND"], true);
        check(&["PARENT_FAILED_IN_REQUEST"], true);
        check(&["PARENT_GROUP_NOT_FOUND", "VALIDATION_ERROR"], false);
        check(&["HIERARCHY_CYCLE"], false);
        check(&[], false);
    }

    #[test]
    fn a_child_would_be_created_once_its_parent_would() {
        let mut known = WouldBeCreated::default();
        let group = |object: &str| Groups.identity(object);
        let child = r#"{"externalReferenceId":"b","parentExternalReferenceId":"a","name":"n"}"#;
        let grandchild = r#"{"externalReferenceId":"c","parentExternalReferenceId":"b"}"#;
        assert!(!known.admit(group(child)));
        known.insert(group(r#"{"externalReferenceId":"a"}"#).expect("a group"));
        assert!(!known.admit(group(grandchild)));
        assert!(known.admit(group(child)));
        assert!(known.admit(group(grandchild)));
        assert!(!known.admit(group(r#"{"externalReferenceId":"d"}"#)));
    }
}
