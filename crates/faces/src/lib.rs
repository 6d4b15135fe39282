//! The wire dialects of rosterd, pure: no HTTP types, async or clock.
//!
//! A face reads bytes into [`directory::Record`]s and writes a [`directory::Outcome`] back as bytes.
//! It translates; it decides nothing that another face would have to decide too.

pub mod failed;
pub mod groups;
pub mod oauth;
mod openapi;
pub mod runs;
pub mod usergroups;

pub use openapi::openapi;
