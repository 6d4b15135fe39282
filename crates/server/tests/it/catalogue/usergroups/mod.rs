//! The cases of the catalogue in the words of contract 2: those that are its own, and those that both contracts
//! share, sent to `POST /usergroups/bulk/id`.

pub(super) mod judge;
pub(super) mod recipes;
pub(super) mod scene;
pub(super) mod table;
pub(super) mod verify;

#[cfg(test)]
mod tests;
