//! `rosterd tenants`

use anyhow::{Context as _, bail};
use clap::Subcommand;
use directory::Clock as _;
use serde_json::json;
use store::Tenant;

use super::administration::{open, open_or_make, print, print_table, time};
use crate::clock::SystemClock;
use crate::config::StoreLocation;

/// The longest name of a tenant.
const MAX_NAME: usize = 64;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a tenant.
    Create {
        /// 1–64 lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit.
        name: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: StoreLocation,
    },
    /// List the tenants.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: StoreLocation,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Create { name, json, data } => create(name, *json, data),
        Command::List { json, data } => list(*json, data),
    }
}

fn create(name: &str, json: bool, data: &StoreLocation) -> anyhow::Result<()> {
    check_name(name)?;
    let store = open_or_make(data)?;
    let owned = name.to_owned();
    let tenant =
        store::write(&*store, move |transaction| transaction.create_tenant(&owned, SystemClock.now()))?;
    let tenant = tenant.with_context(|| format!("there is a tenant {name:?} already"))?;
    if json { print(&object(&tenant).to_string()) } else { print(&format!("created tenant {name}")) }
}

fn list(json: bool, data: &StoreLocation) -> anyhow::Result<()> {
    let store = open(data)?;
    let tenants = store::read(&*store, |reader| reader.tenants())?;
    if json {
        return print(&json!({ "tenants": tenants.iter().map(object).collect::<Vec<_>>() }).to_string());
    }
    let row = |tenant: &Tenant| [tenant.name.clone(), time(tenant.created_at), tenant.revision.to_string()];
    print_table(["TENANT", "CREATED", "REVISION"], tenants.iter().map(row))
}

fn object(tenant: &Tenant) -> serde_json::Value {
    json!({ "name": tenant.name, "createdAt": time(tenant.created_at), "revision": tenant.revision })
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || b"-_.".contains(&byte));
    if !good {
        bail!(
            "{name:?} cannot be a tenant's name: 1 to {MAX_NAME} lower-case letters, digits, '-', '_' and '.', \
             starting with a letter or digit"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_plain() {
        for (name, good) in [
            ("default", true),
            ("school-1.a_b", true),
            ("7", true),
            ("", false),
            ("-a", false),
            ("School", false),
            ("a b", false),
            ("\u{e9}cole", false),
            (&"a".repeat(64), true),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(check_name(name).is_ok(), good, "{name:?}");
        }
    }
}
