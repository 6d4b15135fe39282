//! Black box: the real program, real sockets, the public interface only.
//!
//! A test starts a server of its own on an empty data directory and a free port, and talks to it as
//! any client would. What a test sends and expects is data; `harness` is the one place that knows how.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(
    clippy::print_stderr,
    reason = "seeds and skipped tests are told to whoever reads the test's output"
)]

mod addresses;
mod archive;
mod attribute_definitions;
mod attributes;
mod audit;
mod backup;
mod catalogue;
mod changes;
mod concurrency;
mod connections;
mod crash;
mod db_copy;
mod descriptions;
mod examples;
mod extremes;
mod first_run;
mod golden_path;
mod harness;
mod hierarchy;
mod idempotency;
mod import_usergroups;
mod limits;
mod list;
#[cfg(all(feature = "jemalloc", target_os = "linux", target_env = "gnu"))]
mod memory;
mod oauth;
mod one_group;
mod one_write;
mod oracle;
mod overload;
mod packing;
mod postgres;
mod promises;
mod rates;
mod records;
mod refusals;
mod rehearsal;
mod rules;
mod runs;
mod sabotage;
mod samples;
mod scopes;
mod search;
mod several;
mod shutdown;
mod tenants;
mod tls;
mod traces;
mod usergroup_payloads;
mod usergroups;
