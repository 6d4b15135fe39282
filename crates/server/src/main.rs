//! `rosterd`: server, administration and client in one binary.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
