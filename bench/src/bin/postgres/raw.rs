//! The bare program: looks keys up, compares a hash, copies what is new and updates what differs. No rules, no tree, no
//! answers; one transaction a batch.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};

use crate::Times;
use crate::records::{self, Records};

const TABLE: &str = "CREATE TABLE groups (
    tenant bigint NOT NULL, id bigint NOT NULL, key text COLLATE \"C\" NOT NULL, name text NOT NULL, description text,
    url text, parent bigint, hash bytea NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, key))";
const SELECT: &str = "SELECT key, hash FROM groups WHERE tenant = $1 AND key = ANY($2)";
const COPY: &str = "COPY groups (tenant, id, key, name, description, url, parent, hash) FROM STDIN BINARY";
const UPDATE: &str =
    "UPDATE groups SET name = u.name, hash = u.hash FROM unnest($2::text[], $3::text[], $4::bytea[])
    AS u (key, name, hash) WHERE groups.tenant = $1 AND groups.key = u.key";

pub(crate) fn prepare(url: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(connect(url).await?.batch_execute(TABLE).await?) })
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Each tenant on a connection and a thread of its own; a phase begins and ends for all together.
pub(crate) fn measure(url: &str, tenants: &[Records]) -> anyhow::Result<Times> {
    let barrier = Barrier::new(tenants.len() + 1);
    thread::scope(|scope| {
        let programs: Vec<_> =
            tenants.iter().map(|tenant| scope.spawn(|| program(url, tenant, &barrier))).collect();
        let times = std::array::from_fn(|_| {
            barrier.wait();
            let start = Instant::now();
            barrier.wait();
            start.elapsed()
        });
        for program in programs {
            program.join().ok().context("a program panicked")??;
        }
        Ok(times)
    })
}

fn program(url: &str, tenant: &Records, barrier: &Barrier) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = connect(url).await?;
        for is_changed in [false, false, true] {
            let batches: Vec<Vec<Row>> = tenant
                .batches()
                .map(|batch| batch.iter().map(|number| Row::new(*number, is_changed)).collect())
                .collect();
            barrier.wait();
            for batch in &batches {
                upsert(&client, tenant.tenant, batch).await?;
            }
            barrier.wait();
        }
        Ok(())
    })
}

struct Row {
    id: i64,
    key: String,
    name: String,
    description: String,
    url: String,
}

impl Row {
    fn new(number: usize, is_changed: bool) -> Self {
        Self {
            id: i64::try_from(number).unwrap_or(i64::MAX),
            key: records::key(number),
            name: records::name(number, is_changed),
            description: records::description(number),
            url: records::url(number),
        }
    }

    fn hash(&self) -> Vec<u8> {
        let mut hash = blake3::Hasher::new();
        for text in [&self.name, &self.description, &self.url] {
            hash.update(text.as_bytes());
        }
        hash.finalize().as_bytes()[..16].to_vec()
    }
}

async fn upsert(client: &Client, tenant: i64, batch: &[Row]) -> anyhow::Result<()> {
    let keys: Vec<&str> = batch.iter().map(|row| row.key.as_str()).collect();
    let found = client.query_typed(SELECT, &[(&tenant, Type::INT8), (&keys, Type::TEXT_ARRAY)]).await?;
    let stored: HashMap<&str, &[u8]> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    let (mut new, mut different) = (Vec::new(), Vec::new());
    for row in batch {
        let hash = row.hash();
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

async fn copy(client: &Client, tenant: i64, new: &[(&Row, Vec<u8>)]) -> anyhow::Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let types =
        [Type::INT8, Type::INT8, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8, Type::BYTEA];
    let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(COPY).await?, &types));
    for (row, hash) in new {
        let parent = (row.id != 0).then_some(0_i64);
        writer
            .as_mut()
            .write(&[&tenant, &row.id, &row.key, &row.name, &row.description, &row.url, &parent, hash])
            .await?;
    }
    writer.finish().await?;
    Ok(())
}
