//! Throw-away PostgreSQL for tests: servers of their own, and what can happen to them.
//!
//! [`database`] is an empty database, which is all that most tests need. [`Cluster`] is a server that can be
//! killed, frozen, starved and replaced by its [standby](Cluster::standby); [`PgBouncer`] and [`Proxy`] stand in
//! front of one. What a test starts ends with it; what killed tests have left behind is swept at the next start.
//!
//! Needs Linux, and `PostgreSQL` and `PgBouncer` as Debian packages them. Root runs them as another user.

mod bouncer;
mod database;
mod frames;
mod home;
mod processes;
mod programs;
mod proxy;
mod server;
mod session;
mod settings;
mod standby;

pub use self::bouncer::PgBouncer;
pub use self::database::{Database, database};
pub use self::programs::{available, bouncer_available};
pub use self::proxy::{Moment, Proxy};
pub use self::server::Cluster;
pub use self::session::{Failure, Session};
pub use self::settings::Settings;
pub use self::standby::Replication;
