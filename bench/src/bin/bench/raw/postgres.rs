//! Bare programs on `PostgreSQL`. No rules, no tree, no answers; one transaction a batch, a connection and a tenant each.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use store::Location;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};

use super::Took;
use crate::records::{Record, Shape, mix};
use crate::requests::{Face, Load, Phase};
use crate::usage;

/// What a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Looks keys up, compares a hash, copies what is new and updates what differs.
    Compare,
    /// Copies into rosterd's own table, with all its indexes: what a look at what is stored, rules and hashes come on top
    /// of. Only for the first load.
    Own,
}

pub(crate) const WAYS: [Way; 2] = [Way::Compare, Way::Own];

const TABLE: &str = "CREATE TABLE groups (
    tenant bigint NOT NULL, id bigint NOT NULL, key text COLLATE \"C\" NOT NULL, name text NOT NULL, description text,
    url text, parent bigint, hash bytea NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, key))";
const SELECT: &str = "SELECT key, hash FROM groups WHERE tenant = $1 AND key = ANY($2)";
const COPY: &str = "COPY groups (tenant, id, key, name, description, url, parent, hash) FROM STDIN BINARY";
const COPY_OWN: &str =
    "COPY groups (tenant, id, parent_id, source, key, fold, name, description, photo_url, created_at,
    updated_at, revision, content_hash) FROM STDIN BINARY";
const UPDATE: &str =
    "UPDATE groups SET name = u.name, hash = u.hash FROM unnest($2::text[], $3::text[], $4::bytea[])
    AS u (key, name, hash) WHERE groups.tenant = $1 AND groups.key = u.key";

impl Way {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compare => "select, compare a hash, COPY creates, unnest updates",
            Self::Own => "COPY into rosterd's own table",
        }
    }

    pub(crate) fn phases(self) -> &'static [Phase] {
        match self {
            Self::Compare => &super::PHASES,
            Self::Own => &super::PHASES[..1],
        }
    }

    pub(crate) fn prepare(self, url: &str) -> anyhow::Result<()> {
        if self == Self::Own {
            let location: Location = url.parse()?;
            store::open_at(&location, &store::Options::new(store::Purpose::Serve))?.close();
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { Ok(connect(url).await?.batch_execute(TABLE).await?) })
    }

    async fn carry_out(self, client: &Client, tenant: i64, batch: &[Record]) -> anyhow::Result<()> {
        match self {
            Self::Compare => upsert(client, tenant, batch).await,
            Self::Own => {
                client.batch_execute("BEGIN").await?;
                copy_own(client, tenant, batch).await?;
                Ok(client.batch_execute("COMMIT").await?)
            }
        }
    }
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// What the phases take. A phase begins and ends for all connections together; each has its part of the records.
pub(crate) fn measure(
    way: Way,
    url: &str,
    shape: &Shape,
    [records, batch]: [u64; 2],
    connections: u64,
    database: impl Fn() -> anyhow::Result<(Duration, u64)>,
) -> anyhow::Result<Vec<Took>> {
    let barrier = Barrier::new(usize::try_from(connections)? + 1);
    thread::scope(|scope| {
        let programs: Vec<_> = (0..connections)
            .map(|tenant| {
                let barrier = &barrier;
                scope.spawn(move || program(way, url, shape, tenant, [records / connections, batch], barrier))
            })
            .collect();
        let mut phases = Vec::new();
        for _ in way.phases() {
            barrier.wait();
            let (own, served) = (usage::own(), database());
            barrier.wait();
            let start = Instant::now();
            barrier.wait();
            let lasted = start.elapsed();
            let own = usage::own().since(own);
            phases.push((lasted, own.busy, served, database()));
        }
        for program in programs {
            program.join().ok().context("a program panicked")??;
        }
        let took = |(lasted, own, before, after): (_, _, anyhow::Result<_>, anyhow::Result<_>)| {
            let (before, after): ((Duration, u64), (Duration, u64)) = (before?, after?);
            let busy = [own, after.0.saturating_sub(before.0)];
            Ok(Took { lasted, busy, written: after.1.saturating_sub(before.1) })
        };
        phases.into_iter().map(took).collect()
    })
}

fn program(
    way: Way,
    url: &str,
    shape: &Shape,
    tenant: u64,
    [records, batch]: [u64; 2],
    barrier: &Barrier,
) -> anyhow::Result<()> {
    let tenant = i64::try_from(tenant)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Everybody has to come to all barriers, whatever happens.
        let client = connect(url).await;
        let mut done = Ok(());
        for phase in way.phases() {
            let batches = super::batches(&Load::new(shape, Face::Groups, [0, records], batch), *phase);
            barrier.wait();
            barrier.wait();
            if let (Ok(client), true) = (&client, done.is_ok()) {
                for batch in &batches {
                    done = way.carry_out(client, tenant, batch).await;
                    if done.is_err() {
                        break;
                    }
                }
            }
            barrier.wait();
        }
        client.and(done)
    })
}

fn hash(record: &Record) -> Vec<u8> {
    let mut hash = blake3::Hasher::new();
    for text in [&record.name, &record.description, &record.url] {
        hash.update(text.as_bytes());
    }
    hash.finalize().as_bytes()[..16].to_vec()
}

async fn upsert(client: &Client, tenant: i64, batch: &[Record]) -> anyhow::Result<()> {
    let keys: Vec<&str> = batch.iter().map(|row| row.key.as_str()).collect();
    let found = client.query_typed(SELECT, &[(&tenant, Type::INT8), (&keys, Type::TEXT_ARRAY)]).await?;
    let stored: HashMap<&str, &[u8]> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    let (mut new, mut different) = (Vec::new(), Vec::new());
    for row in batch {
        let hash = hash(row);
        match stored.get(row.key.as_str()) {
            None => new.push((row, hash)),
            Some(known) if **known != hash => different.push((row, hash)),
            Some(_) => {}
        }
    }
    if new.is_empty() && different.is_empty() {
        return Ok(());
    }
    client.batch_execute("BEGIN").await?;
    copy(client, tenant, &new).await?;
    if !different.is_empty() {
        let keys: Vec<&str> = different.iter().map(|(row, _)| row.key.as_str()).collect();
        let names: Vec<&str> = different.iter().map(|(row, _)| row.name.as_str()).collect();
        let hashes: Vec<&[u8]> = different.iter().map(|(_, hash)| hash.as_slice()).collect();
        let values: [(&(dyn ToSql + Sync), Type); 4] = [
            (&tenant, Type::INT8),
            (&keys, Type::TEXT_ARRAY),
            (&names, Type::TEXT_ARRAY),
            (&hashes, Type::BYTEA_ARRAY),
        ];
        client.execute_typed(UPDATE, &values).await?;
    }
    Ok(client.batch_execute("COMMIT").await?)
}

async fn copy(client: &Client, tenant: i64, new: &[(&Record, Vec<u8>)]) -> anyhow::Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let types =
        [Type::INT8, Type::INT8, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8, Type::BYTEA];
    let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(COPY).await?, &types));
    for (row, hash) in new {
        let id = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (own, parent) = (id(row.number), row.parent.map(id));
        writer
            .as_mut()
            .write(&[&tenant, &own, &row.key, &row.name, &row.description, &row.url, &parent, hash])
            .await?;
    }
    writer.finish().await?;
    Ok(())
}

/// Rows as rosterd copies them, in the order of the numbers of keys as it does. What contract 2 knows of a group is null.
async fn copy_own(client: &Client, tenant: i64, batch: &[Record]) -> anyhow::Result<()> {
    let id = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // The number of a key is as random as its hash.
    let mut rows: Vec<(i64, &Record)> =
        batch.iter().map(|row| (mix(row.number).cast_signed(), row)).collect();
    rows.sort_unstable_by_key(|(fold, _)| *fold);
    let (long, text) = (Type::INT8, Type::TEXT);
    let columns = [&long, &long, &long, &text, &text, &long, &text, &text, &text, &long, &long, &long, &long];
    let types = columns.map(Type::clone);
    let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(COPY_OWN).await?, &types));
    for (fold, row) in rows {
        let Record { number, key, name, description, url, parent } = row;
        let (own, parent, hash) = (id(*number), parent.map(id), !fold);
        writer
            .as_mut()
            .write(&[
                &tenant,
                &own,
                &parent,
                &"",
                key,
                &fold,
                name,
                description,
                url,
                &0_i64,
                &0_i64,
                &1_i64,
                &hash,
            ])
            .await?;
    }
    writer.finish().await?;
    Ok(())
}
