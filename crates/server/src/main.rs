//! `rosterd`: server, administration and client in one binary.

mod audit;
mod auth;
mod cli;
mod clock;
mod config;
mod http;
mod logging;
mod metrics;
mod sabotage;
mod service;
#[cfg(test)]
mod simulation;
mod threads;
mod upkeep;

/// For SQLite too. The system's allocator keeps what was freed below something that is still in use.
#[cfg(all(feature = "jemalloc", target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
