//! `rosterd keys`

use anyhow::bail;
use clap::Subcommand;
use directory::Clock as _;
use serde_json::{Value, json};
use store::{AccessKey, KeyKind};

use super::administration::{open, print, print_table, say, tenant, time};
use crate::audit;
use crate::auth::{NewKey, Scope, new_client, new_key};
use crate::clock::SystemClock;
use crate::config::StoreLocation;
use crate::logging;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an access key or OAuth client and show it, the only time it can be shown.
    Create {
        /// The tenant whose groups it opens.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// What it may do: groups:read, groups:write, admin; separated by commas.
        #[arg(long, value_delimiter = ',', default_value = "groups:read,groups:write")]
        scopes: Vec<Scope>,
        /// Make an OAuth client instead: its id and secret get tokens at /oauth2/token (client credentials),
        /// and are not sent with requests.
        #[arg(long)]
        oauth: bool,
        /// Print one JSON object with id, tenant, scopes and key, or id and secret of the client.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: StoreLocation,
    },
    /// List access keys and OAuth clients, without their secrets.
    List {
        /// Only those of this tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: StoreLocation,
    },
    /// Revoke an access key, or an OAuth client with all its tokens. It holds from the next request on, and
    /// cannot be undone.
    Revoke {
        /// The key's id, as `rosterd keys list` shows it.
        id: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: StoreLocation,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    logging::start_quietly();
    match &arguments.command {
        Command::Create { tenant, scopes, oauth, json, data } => {
            let made = create(tenant, scopes, *oauth, data)?;
            if *json { print(&made.to_json().to_string()) } else { made.show() }
        }
        Command::List { tenant, json, data } => list(tenant.as_deref(), *json, data),
        Command::Revoke { id, json, data } => revoke(id, *json, data),
    }
}

/// A key that was just made, with the name of its tenant.
struct Made {
    key: NewKey,
    tenant: String,
}

fn create(tenant_name: &str, scopes: &[Scope], oauth: bool, data: &StoreLocation) -> anyhow::Result<Made> {
    let store = open(data)?;
    let tenant = tenant(&*store, tenant_name)?;
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let make = if oauth { new_client } else { new_key };
    let key = make(tenant.id, &scopes, SystemClock.now())?;
    let stored = key.stored.clone();
    store::write(&*store, move |transaction| transaction.create_access_key(&stored))?;
    audit::key_created(&key.stored, &tenant.name);
    Ok(Made { key, tenant: tenant.name })
}

impl Made {
    fn to_json(&self) -> Value {
        let AccessKey { id, scopes, kind, .. } = &self.key.stored;
        let scopes: Vec<&str> = scopes.split(' ').collect();
        match kind {
            KeyKind::Bearer => {
                json!({ "id": id, "tenant": self.tenant, "scopes": scopes, "key": self.key.text })
            }
            KeyKind::Client { .. } => json!({
                "id": id, "tenant": self.tenant, "scopes": scopes, "client_id": id, "client_secret": self.key.text,
            }),
        }
    }

    fn show(&self) -> anyhow::Result<()> {
        let AccessKey { id, scopes, kind, .. } = &self.key.stored;
        let tenant = &self.tenant;
        match kind {
            KeyKind::Bearer => {
                say(&format!("Created key {id} of tenant {tenant} for {scopes}. It is shown only now:"));
                print(&self.key.text)
            }
            KeyKind::Client { .. } => {
                say(&format!(
                    "Created OAuth client {id} of tenant {tenant} for {scopes}. Its secret is shown only now:"
                ));
                print(&format!("client_id={id}\nclient_secret={}", self.key.text))
            }
        }
    }
}

fn list(tenant_name: Option<&str>, json: bool, data: &StoreLocation) -> anyhow::Result<()> {
    let store = open(data)?;
    let only = tenant_name.map(|name| tenant(&*store, name)).transpose()?.map(|tenant| tenant.id);
    let (tenants, keys) = store::read(&*store, |reader| Ok((reader.tenants()?, reader.access_keys(only)?)))?;
    let name = |key: &AccessKey| {
        let tenant = tenants.iter().find(|tenant| tenant.id == key.tenant);
        tenant.map_or_else(|| key.tenant.0.to_string(), |tenant| tenant.name.clone())
    };
    if json {
        let object = |key: &AccessKey| {
            json!({
                "id": key.id, "tenant": name(key), "scopes": key.scopes.split(' ').collect::<Vec<_>>(),
                "kind": audit::kind(key), "createdAt": time(key.created_at), "revokedAt": key.revoked_at.map(time),
            })
        };
        return print(&json!({ "keys": keys.iter().map(object).collect::<Vec<_>>() }).to_string());
    }
    let row = |key: &AccessKey| {
        let revoked = key.revoked_at.map(time).unwrap_or_default();
        [
            key.id.clone(),
            audit::kind(key).to_owned(),
            name(key),
            key.scopes.clone(),
            time(key.created_at),
            revoked,
        ]
    };
    print_table(["KEY", "KIND", "TENANT", "SCOPES", "CREATED", "REVOKED"], keys.iter().map(row))
}

fn revoke(id: &str, json: bool, data: &StoreLocation) -> anyhow::Result<()> {
    let store = open(data)?;
    let owned = id.to_owned();
    let revoked =
        store::write(&*store, move |transaction| transaction.revoke_access_key(&owned, SystemClock.now()))?;
    if !revoked {
        bail!("there is no key {id:?} that is not revoked yet; `rosterd keys list` shows them");
    }
    let key = store::read(&*store, |reader| reader.access_key(id))?;
    audit::key_revoked(id, key.map(|key| key.tenant));
    if json {
        print(&json!({ "id": id, "revoked": true }).to_string())
    } else {
        print(&format!("revoked key {id}"))
    }
}
