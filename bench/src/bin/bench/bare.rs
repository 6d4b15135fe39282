//! A bare service: what one would write at first instead of rosterd. The same requests over HTTP, each a transaction of
//! blind upserts. No rules, no tree, no outcome of a record, no runs, no access keys; a program that does any of it does
//! not become faster by that.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use rusqlite::{Connection, params};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement};

use crate::calibrate::{Asked, listen};
use crate::raw::sqlite::DURABLE;

/// Where it stores groups.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bare {
    /// A new file, or `postgres://…` of an empty database
    store: String,
}

impl Bare {
    /// The program itself: answers until it is killed.
    pub(crate) fn serve(&self) -> anyhow::Result<()> {
        if self.store.starts_with("postgres://") { on_postgres(&self.store) } else { on_sqlite(&self.store) }
    }
}

/// The request, as far as it is read.
#[derive(Deserialize)]
struct Upsert<'b> {
    #[serde(borrow)]
    groups: Vec<Group<'b>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group<'b> {
    #[serde(borrow)]
    external_reference_id: Cow<'b, str>,
    #[serde(borrow)]
    name: Cow<'b, str>,
    #[serde(borrow)]
    description: Cow<'b, str>,
    #[serde(borrow)]
    photo_url: Cow<'b, str>,
    #[serde(borrow)]
    parent_external_reference_id: Option<Cow<'b, str>>,
}

fn answer(count: usize) -> Vec<u8> {
    format!(r#"{{"upserted":{count}}}"#).into_bytes()
}

const SQLITE_TABLE: &str = "CREATE TABLE groups (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, key TEXT NOT NULL,
    name TEXT NOT NULL, description TEXT, url TEXT, parent TEXT, updated TEXT NOT NULL, UNIQUE (tenant, key)) STRICT";
const SQLITE_UPSERT: &str = "INSERT INTO groups (tenant, key, name, description, url, parent, updated)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, strftime('%Y-%m-%dT%H:%M:%fZ')) ON CONFLICT (tenant, key) DO UPDATE
    SET name = excluded.name, description = excluded.description, url = excluded.url, parent = excluded.parent,
    updated = excluded.updated";

/// One connection, which all requests share.
fn on_sqlite(file: &str) -> anyhow::Result<()> {
    let db = Connection::open(file)?;
    db.execute_batch(DURABLE)?;
    db.execute_batch(SQLITE_TABLE)?;
    let db = Arc::new(Mutex::new(db));
    listen(move || {
        let db = Arc::clone(&db);
        Ok(move |asked: Asked<'_>| {
            let Upsert { mut groups } = serde_json::from_slice(asked.body)?;
            // In the order of the index, in which its pages are written.
            groups.sort_unstable_by(|one, other| one.external_reference_id.cmp(&other.external_reference_id));
            let mut db = db.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = db.transaction()?;
            let mut upsert = transaction.prepare_cached(SQLITE_UPSERT)?;
            for Group { external_reference_id, name, description, photo_url, parent_external_reference_id } in
                &groups
            {
                let parent = parent_external_reference_id;
                upsert.execute(params![
                    asked.key,
                    external_reference_id,
                    name,
                    description,
                    photo_url,
                    parent
                ])?;
            }
            drop(upsert);
            transaction.commit()?;
            Ok(answer(groups.len()))
        })
    })
}

const POSTGRES_TABLE: &str = "CREATE TABLE groups (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant bigint NOT NULL, key text COLLATE \"C\" NOT NULL, name text NOT NULL, description text, url text, parent text,
    updated timestamptz NOT NULL, UNIQUE (tenant, key))";
const POSTGRES_UPSERT: &str = "INSERT INTO groups (tenant, key, name, description, url, parent, updated)
    SELECT $1, u.*, now() FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS u
    ON CONFLICT (tenant, key) DO UPDATE SET name = excluded.name, description = excluded.description,
    url = excluded.url, parent = excluded.parent, updated = excluded.updated";

/// A connection to the database for each client, with a statement that is prepared once.
fn on_postgres(url: &str) -> anyhow::Result<()> {
    let (runtime, client) = connect(url)?;
    runtime.block_on(client.batch_execute(POSTGRES_TABLE))?;
    let url = url.to_owned();
    listen(move || {
        let (runtime, client) = connect(&url)?;
        let types = [[Type::INT8].as_slice(), &[(); 5].map(|()| Type::TEXT_ARRAY)].concat();
        let upsert = runtime.block_on(client.prepare_typed(POSTGRES_UPSERT, &types))?;
        Ok(move |asked: Asked<'_>| {
            let Upsert { mut groups } = serde_json::from_slice(asked.body)?;
            groups.sort_unstable_by(|one, other| one.external_reference_id.cmp(&other.external_reference_id));
            runtime.block_on(store_in(&client, &upsert, asked.key, &groups))?;
            Ok(answer(groups.len()))
        })
    })
}

fn connect(url: &str) -> anyhow::Result<(Runtime, Client)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok::<_, tokio_postgres::Error>(client)
    })?;
    Ok((runtime, client))
}

async fn store_in(
    client: &Client,
    upsert: &Statement,
    tenant: i64,
    groups: &[Group<'_>],
) -> Result<u64, tokio_postgres::Error> {
    let keys: Vec<&str> = groups.iter().map(|group| &*group.external_reference_id).collect();
    let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
    let descriptions: Vec<&str> = groups.iter().map(|group| &*group.description).collect();
    let urls: Vec<&str> = groups.iter().map(|group| &*group.photo_url).collect();
    let parents: Vec<Option<&str>> =
        groups.iter().map(|group| group.parent_external_reference_id.as_deref()).collect();
    let values: [&(dyn ToSql + Sync); 6] = [&tenant, &keys, &names, &descriptions, &urls, &parents];
    client.execute(upsert, &values).await
}
