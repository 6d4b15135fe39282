//! Faults under load, and the one checker that says what they did.
//!
//! [`workload`] makes requests to both contracts, [`load`] sends them, [`history`] holds what became of them and
//! what is found afterwards ([`survey`]), and [`Checker`] tells that history again in the reference engine. Nothing
//! here is shipped.

mod checker;
pub mod connection;
pub mod history;
pub mod load;
mod oracle;
mod random;
pub mod survey;
mod tally;
pub mod workload;

pub use checker::Checker;
pub use connection::Connection;
pub use random::Random;
pub use tally::Tally;
