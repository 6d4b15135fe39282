//! Whether a store is whole: every row what was written, the groups of each tenant a forest, everything that belongs
//! to something has it, what is counted has that number.
//!
//! An engine walks through what it has and tells `Facts` of each row that it can read; what it cannot read, and what
//! does not fit together, is found one by one. Damage never ends a check: it goes on with whatever can be read.

mod facts;
mod portions;
mod tree;

use std::path::Path;

use directory::TenantId;

pub(crate) use self::facts::{AddressFact, Counted, Facts, NodeFact};
use crate::digest::Digested;
use crate::{Durability, Location, Options, Purpose, StoreError, postgres, sqlite};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: the name of a table; `file` for what concerns all of them.
    pub table: &'static str,
    /// Whose it is: a tenant's name, or its number where that is all there is.
    pub tenant: Option<String>,
    /// The row, as people find it: `group 7 (key "HR-7")`. Empty where it is more than one.
    pub row: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Who is told how a check gets on.
pub trait Watch {
    /// Something is not as it should be.
    fn found(&mut self, finding: Finding);
    /// What is being done, and how many rows were looked at.
    fn reached(&mut self, doing: &str, rows: u64);
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How much was found.
    pub found: u64,
    /// What there is, in order of the tenants' ids.
    pub tenants: Vec<VerifiedTenant>,
    /// What whoever runs the store should know, though nothing is damaged.
    pub notes: Vec<String>,
}

/// A tenant that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTenant {
    /// Its number.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// How many groups were seen.
    pub groups: u64,
    /// How many levels they lie on.
    pub levels: usize,
    /// All that it has, if it could be read to the end.
    pub digested: Option<Digested>,
}

/// Checks a store beside whoever uses it, in one view of one moment; with a name, what one tenant has. Writes nothing,
/// and brings no schema up to date: that of another version is a [`StoreError::Schema`].
pub fn verify(
    location: &Location,
    tenant: Option<&str>,
    watch: &mut dyn Watch,
) -> Result<Verified, StoreError> {
    match location {
        Location::Directory(path) => sqlite::verify(path, tenant, watch),
        Location::Database(database) => {
            // Who runs a database that may lose data knows it: the server asks.
            let options = Options { durability: Durability::Waived, ..Options::new(Purpose::Admin) };
            portions::verify(&*postgres::open(database, &options)?, tenant, watch)
        }
    }
}

/// Checks the file of a backup, also against what it says of itself.
pub fn verify_backup(file: &Path, watch: &mut dyn Watch) -> Result<Verified, StoreError> {
    sqlite::verify_backup(file, watch)
}
