//! Search: an index of words in a file of its own, which follows the data file from behind.
//!
//! A write never waits for it. A search looks at the index first and at the data file then, which is at
//! least as new: what the index does not hold yet is read there, in the order of changes. So no search
//! is ever out of date, however far behind the index is, and whatever has become of its file.

mod file;
mod find;
mod follow;
mod index;

pub(super) use self::file::remove;
pub(super) use self::find::search;
pub(super) use self::follow::{Following, Wake};
pub(super) use self::index::Index;

#[cfg(test)]
mod tests;
