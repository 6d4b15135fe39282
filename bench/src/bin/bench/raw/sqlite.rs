//! Loops on SQLite: one thread, one connection, durable (a write-ahead log, `synchronous=FULL`).

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tempfile::TempDir;

use super::Took;
use crate::records::{Record, Shape, mix};
use crate::requests::{Face, Load, Phase};
use crate::usage;

const TENANT: i64 = 1;

/// A loop: what it does with a record, and how many records it makes durable at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loop {
    pub(crate) way: Way,
    pub(crate) transaction: u64,
}

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Reads what is stored, compares it, writes what differs.
    Compare,
    /// The same, by an index that holds a hash of what is stored.
    Covering,
    /// `INSERT … ON CONFLICT DO UPDATE`, whatever is stored. It does not know what differs, so it writes the time of its
    /// update each time; SQLite would see, and write nothing, if a row stayed byte for byte what it was.
    Blind,
    /// `INSERT` into a table with no index but its own numbers: the ceiling. Only for the first load.
    Insert,
    /// `INSERT` into rosterd's own table, with all its indexes, by the statement of its writer: what a look at what is
    /// stored, rules and hashes come on top of. Only for the first load.
    Own,
}

pub(crate) const LOOPS: [Loop; 6] = [
    Loop { way: Way::Compare, transaction: 1000 },
    Loop { way: Way::Compare, transaction: 16_000 },
    Loop { way: Way::Covering, transaction: 1000 },
    Loop { way: Way::Blind, transaction: 1000 },
    Loop { way: Way::Insert, transaction: 16_000 },
    Loop { way: Way::Own, transaction: 16_000 },
];

/// Those into a file that holds groups already. Four clients that wait for their answers can have so much in one commit.
pub(crate) const INTO: [Loop; 2] =
    [Loop { way: Way::Compare, transaction: 4000 }, Loop { way: Way::Covering, transaction: 4000 }];

/// Records a transaction while a file is filled.
const FILLING: u64 = 16_000;

/// The file of a loop.
pub(crate) struct Filled {
    db: Connection,
    stored: u64,
    /// Records that phases have added.
    added: u64,
    _directory: TempDir,
}

impl Loop {
    pub(crate) fn name(self) -> String {
        let way = match self.way {
            Way::Compare => "read, compare, write what differs",
            Way::Covering => "the same on a covering index",
            Way::Blind => "blind upsert",
            Way::Insert => "insert without an index: the ceiling",
            Way::Own => "insert into rosterd's own table",
        };
        format!("{way}; {} a transaction", self.transaction)
    }

    pub(crate) fn phases(self) -> &'static [Phase] {
        if matches!(self.way, Way::Insert | Way::Own) { &super::PHASES[..1] } else { &super::PHASES }
    }

    /// A file that holds so many groups.
    pub(crate) fn fill(self, shape: &Shape, stored: u64) -> anyhow::Result<Filled> {
        let directory = tempfile::tempdir()?;
        if self.way == Way::Own {
            store::open(directory.path(), &store::Options::new(store::Purpose::Serve))?.close();
        }
        let mut db = Connection::open(directory.path().join("rosterd.db"))?;
        db.execute_batch(DURABLE)?;
        db.execute_batch(self.way.tables())?;
        for batch in Load::new(shape, Face::Groups, [0, stored], FILLING).batches {
            let batch = Load::new(shape, Face::Groups, [batch[0], batch[1] - batch[0]], FILLING);
            self.carry_out(&mut db, &super::batches(&batch, Phase::First), 0)?;
        }
        Ok(Filled { db, stored, added: 0, _directory: directory })
    }

    /// What the phases take: so many new records, then those again, or as many of those that were stored.
    pub(crate) fn measure(
        self,
        file: &mut Filled,
        shape: &Shape,
        records: u64,
        round: u64,
    ) -> anyhow::Result<Vec<Took>> {
        let new = Load::new(shape, Face::Groups, [file.stored + file.added, records], self.transaction);
        file.added += records;
        let stored = match file.stored {
            0 => new.clone(),
            stored => new.clone().of_stored(stored, self.transaction, round),
        };
        let mut phase = |(time, phase): (i64, &Phase)| {
            let load = if *phase == Phase::First { &new } else { &stored };
            let batches = super::batches(load, *phase);
            let before = usage::own();
            let start = Instant::now();
            self.carry_out(&mut file.db, &batches, time)?;
            let lasted = start.elapsed();
            let used = usage::own().since(before);
            Ok(Took { lasted, busy: [used.busy, Duration::ZERO], written: used.written })
        };
        (1..).zip(self.phases()).map(&mut phase).collect()
    }

    fn carry_out(self, db: &mut Connection, batches: &[Vec<Record>], time: i64) -> rusqlite::Result<()> {
        for batch in batches {
            let transaction = db.transaction()?;
            self.way.carry_out(&transaction, batch, time)?;
            transaction.commit()?;
        }
        Ok(())
    }
}

pub(crate) const DURABLE: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -262144;
    PRAGMA wal_autocheckpoint = 16000;";
const TABLE: &str = "CREATE TABLE groups (
    id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
    url TEXT, parent INTEGER, updated INTEGER NOT NULL) STRICT;";
const UNIQUE: &str = "CREATE TABLE groups (
    id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
    url TEXT, parent INTEGER, updated INTEGER NOT NULL, UNIQUE (tenant, key)) STRICT;";
const COVERING: &str = "CREATE TABLE groups (
    id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
    url TEXT, parent INTEGER, updated INTEGER NOT NULL) STRICT;
  CREATE TABLE keys (
    tenant INTEGER NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, hash INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)) STRICT, WITHOUT ROWID;";
const FIND: &str = "SELECT id, name, description, url, parent FROM groups WHERE tenant = ?1 AND key = ?2";
const FIND_HASH: &str = "SELECT id, hash FROM keys WHERE tenant = ?1 AND key = ?2";
const INSERT: &str = "INSERT INTO groups (id, tenant, key, name, description, url, parent, updated)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const INSERT_KEY: &str = "INSERT INTO keys (tenant, key, id, hash) VALUES (?1, ?2, ?3, ?4)";
const INSERT_OWN: &str =
    "INSERT OR FAIL INTO groups (tenant, id, parent_id, source, key, fold, name, description,
    photo_url, created_at, updated_at, revision, content_hash, checksum) VALUES";
const OWN_ROWS: usize = 16;
const UPDATE: &str = "UPDATE groups SET name = ?2, description = ?3, url = ?4, parent = ?5, updated = ?6
    WHERE id = ?1";
const UPDATE_KEY: &str = "UPDATE keys SET hash = ?3 WHERE tenant = ?1 AND key = ?2";
const BLIND: &str = "INSERT INTO groups (id, tenant, key, name, description, url, parent, updated)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant, key) DO UPDATE
    SET name = excluded.name, description = excluded.description, url = excluded.url, parent = excluded.parent,
    updated = excluded.updated";

impl Way {
    fn tables(self) -> &'static str {
        match self {
            Self::Compare | Self::Blind => UNIQUE,
            Self::Covering => COVERING,
            Self::Insert => TABLE,
            Self::Own => "",
        }
    }

    fn carry_out(self, db: &Transaction<'_>, batch: &[Record], time: i64) -> rusqlite::Result<()> {
        // In the order of the index, in which its pages are written.
        let mut sorted: Vec<&Record> = batch.iter().collect();
        sorted.sort_unstable_by_key(|record| &record.key);
        match self {
            Self::Compare => sorted.into_iter().try_for_each(|record| compare(db, record, time)),
            Self::Covering => sorted.into_iter().try_for_each(|record| compare_hash(db, record, time)),
            Self::Blind => sorted.into_iter().try_for_each(|record| insert(db, BLIND, record, time)),
            Self::Insert => batch.iter().try_for_each(|record| insert(db, INSERT, record, time)),
            Self::Own => batch.chunks(OWN_ROWS).try_for_each(|rows| insert_own(db, rows, time)),
        }
    }
}

fn id(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn insert(db: &Transaction<'_>, sql: &str, record: &Record, time: i64) -> rusqlite::Result<()> {
    let Record { number, key, name, description, url, parent } = record;
    let values = params![id(*number), TENANT, key, name, description, url, parent.map(id), time];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// As many rows a statement as rosterd's writer inserts at once, in the order of ids as it does. Numbers of texts cost
/// nothing worth telling here, checksums nothing at all.
fn insert_own(db: &Transaction<'_>, records: &[Record], time: i64) -> rusqlite::Result<()> {
    let rows = vec!["(?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; records.len()];
    let mut statement = db.prepare_cached(&format!("{INSERT_OWN} {}", rows.join(", ")))?;
    for (row, record) in records.iter().enumerate() {
        let Record { number, key, name, description, url, parent } = record;
        let (own, above, hash) = (id(*number), parent.map(id), hash(record));
        // The number of a key is as random as its hash.
        let fold = mix(*number).cast_signed();
        let values =
            params![TENANT, own, above, key, fold, name, description, url, time, time, time, hash, 0];
        for (column, value) in values.iter().enumerate() {
            statement.raw_bind_parameter(row * values.len() + column + 1, value)?;
        }
    }
    statement.raw_execute().map(drop)
}

fn update(db: &Transaction<'_>, stored: i64, record: &Record, time: i64) -> rusqlite::Result<()> {
    let Record { name, description, url, parent, .. } = record;
    db.prepare_cached(UPDATE)?.execute(params![stored, name, description, url, parent.map(id), time])?;
    Ok(())
}

fn compare(db: &Transaction<'_>, record: &Record, time: i64) -> rusqlite::Result<()> {
    let mut find = db.prepare_cached(FIND)?;
    let found = find
        .query_row(params![TENANT, record.key], |row| {
            let is_same = |place, text: &str| Ok::<_, rusqlite::Error>(row.get_ref(place)?.as_str()? == text);
            let same = is_same(1, &record.name)?
                && is_same(2, &record.description)?
                && is_same(3, &record.url)?
                && row.get::<_, Option<i64>>(4)? == record.parent.map(id);
            Ok((row.get(0)?, same))
        })
        .optional()?;
    match found {
        None => insert(db, INSERT, record, time),
        Some((stored, false)) => update(db, stored, record, time),
        Some((_, true)) => Ok(()),
    }
}

fn compare_hash(db: &Transaction<'_>, record: &Record, time: i64) -> rusqlite::Result<()> {
    let hash = hash(record);
    let mut find = db.prepare_cached(FIND_HASH)?;
    let found: Option<(i64, i64)> =
        find.query_row(params![TENANT, record.key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match found {
        None => {
            insert(db, INSERT, record, time)?;
            let values = params![TENANT, record.key, id(record.number), hash];
            db.prepare_cached(INSERT_KEY)?.execute(values)?;
        }
        Some((stored, known)) if known != hash => {
            update(db, stored, record, time)?;
            db.prepare_cached(UPDATE_KEY)?.execute(params![TENANT, record.key, hash])?;
        }
        Some(_) => {}
    }
    Ok(())
}

/// A cheap one: what it costs counts against the limit.
fn hash(record: &Record) -> i64 {
    let Record { name, description, url, parent, .. } = record;
    let mut hash = parent.map_or(u64::MAX, |parent| parent);
    for text in [name, description, url] {
        for piece in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }
    mix(hash).cast_signed()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::records::Version;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        shape: Shape,
    }

    #[test]
    fn every_loop_stores_the_records() {
        let shape = Arguments::parse_from(["bench"]).shape;
        for (way, stored) in LOOPS.map(|way| (way, 0)).into_iter().chain(INTO.map(|way| (way, 5000))) {
            let mut file = way.fill(&shape, stored).unwrap();
            assert_eq!(way.measure(&mut file, &shape, 300, 0).unwrap().len(), way.phases().len());
            let is_changed = way.phases().len() > 1;
            let (url, parent) =
                if way.way == Way::Own { ("photo_url", "parent_id") } else { ("url", "parent") };
            // Where groups were stored before, some of those change.
            for (number, is_changed) in
                [(0, is_changed), (100, is_changed), (stored + 299, is_changed && stored == 0)]
            {
                let version = Version { is_changed, ..Version::default() };
                let record = shape.record(number, stored + 300, version);
                let stored: (String, String, String, Option<i64>) = file
                    .db
                    .query_row(
                        &format!("SELECT name, description, {url}, {parent} FROM groups WHERE key = ?1"),
                        [&record.key],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                    )
                    .unwrap();
                let expected = (record.name, record.description, record.url, record.parent.map(id));
                assert_eq!(stored, expected, "{} of {number}", way.name());
            }
            let count: i64 = file.db.query_row("SELECT count(*) FROM groups", (), |row| row.get(0)).unwrap();
            assert_eq!(count, id(stored + 300), "{}", way.name());
        }
    }
}
