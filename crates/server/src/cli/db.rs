//! `rosterd db`

mod copy;
mod digest;
mod place;
mod progress;

use std::num::NonZeroUsize;

use clap::Subcommand;
use serde_json::{Value, json};
use store::Location;
use store::digest::Digested;
use store::moving::{Kind, PortionSize};

use super::administration::print_table;
use crate::config::StoreLocation;
use crate::logging;

pub(super) use copy::told;

const FROM: &str = "The store to copy from: postgres://USER@HOST/DATABASE, sqlite:DIR or a data directory. It stays as it is";
const TO: &str = "The store to copy to: a database without tenants, or an empty or new data directory";
const STORE: &str = "The store: postgres://USER@HOST/DATABASE, sqlite:DIR or a data directory [default: as other commands find it]";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy a whole directory from one store into an empty one, and compare the digests of both.
    ///
    /// Everything moves: tenants, groups, attributes, addresses, access keys and OAuth clients, runs, answers kept
    /// for idempotency keys. A copy that was interrupted goes on where it stopped when the same command is run
    /// again; until it is finished the target cannot be served. Stop the server on the source first: what it
    /// writes after the copy is not in it.
    Copy {
        #[arg(long, value_name = "URL", help = FROM)]
        from: Location,
        #[arg(long, value_name = "URL", help = TO)]
        to: Location,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        portions: Portions,
    },
    /// Show the digest of every tenant: equal contents have equal digests, whatever engine keeps them.
    Digest {
        #[arg(long, value_name = "URL", help = STORE)]
        store: Option<Location>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: StoreLocation,
        #[command(flatten)]
        portions: Portions,
    },
}

/// How much is moved at once. For tests: the default is right.
#[derive(Debug, clap::Args)]
struct Portions {
    #[arg(long, value_name = "N", hide = true)]
    portion_items: Option<NonZeroUsize>,
}

impl Portions {
    fn size(&self) -> PortionSize {
        let most = PortionSize::default();
        PortionSize { items: self.portion_items.map_or(most.items, NonZeroUsize::get), ..most }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    logging::start_quietly();
    match &arguments.command {
        Command::Copy { from, to, json, portions } => copy::run(from, to, *json, portions.size()),
        Command::Digest { store, json, data, portions } => {
            digest::run(store.as_ref(), data, *json, portions.size())
        }
    }
}

/// What kinds are called, in the order of [`Kind::ALL`].
const KINDS: [&str; Kind::ALL.len()] = ["attributes", "keys", "groups", "runs", "answers"];

fn object(tenant: &Digested) -> Value {
    let mut object = json!({
        "name": tenant.head.tenant.name, "revision": tenant.head.tenant.revision,
        "digest": tenant.digest.to_string(),
    });
    for (name, count) in KINDS.iter().zip(tenant.counts) {
        object[*name] = count.into();
    }
    object
}

fn show(tenants: &[Digested]) -> anyhow::Result<()> {
    let row = |tenant: &Digested| {
        let count = |kind| tenant.count(kind).to_string();
        [
            tenant.head.tenant.name.clone(),
            count(Kind::Group),
            count(Kind::Run),
            tenant.head.tenant.revision.to_string(),
            tenant.digest.to_string(),
        ]
    };
    print_table(["TENANT", "GROUPS", "RUNS", "REVISION", "DIGEST"], tenants.iter().map(row))
}
