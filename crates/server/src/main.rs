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

fn main() -> std::process::ExitCode {
    cli::run()
}
