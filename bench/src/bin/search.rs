//! What a search costs in a tenant of a million groups, and what its index costs everybody else.
//!
//! Times are those of the engine, on a reader's connection, pages of 100. First the index is caught up, then
//! it is thrown away and made anew. At last the first load of smaller tenants, with an index that follows and
//! without one, in turns. The number of groups can be given; 0 leaves all but the last out.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use directory::write::Content;
use directory::{
    ExternalReference, Filter, GroupId, IdOrigin, Life, Name, Place, Reach, ReferenceKey, Search, SearchPage,
    SearchPlace, Source, TenantId, Timestamp, Write,
};
use store::{Indexing, Options, Purpose, Store, StoreError, Turn};
use tempfile::TempDir;

const GROUPS: usize = 1_000_000;
/// Of the tenants that show what a first load costs.
const LOADED: usize = 200_000;
const LOADS: usize = 5;
const BATCH: usize = 1000;
/// Batches that wait for the writer at any time.
const WAITING: usize = 16;
const ROUNDS: usize = 300;
const LIMIT: usize = 100;

const KINDS: [&str; 8] =
    ["Classe", "Groupe", "Cohorte", "Équipe", "Promotion", "Département", "Filière", "Séminaire"];
const SUBJECTS: [&str; 12] = [
    "Mathématiques",
    "Français",
    "Géographie",
    "Économie",
    "Chimie",
    "Informatique",
    "Histoire",
    "Musique",
    "Électronique",
    "Comptabilité",
    "Théâtre",
    "Biologie",
];
const SYLLABLES: [&str; 20] = [
    "ba", "cé", "di", "fo", "gu", "la", "mé", "ni", "pô", "ru", "sa", "té", "vi", "zo", "bru", "cla", "dré",
    "fli", "gno", "pru",
];

fn main() -> anyhow::Result<()> {
    let groups = std::env::args().nth(1).map_or(Ok(GROUPS), |text| text.parse())?;
    let mut out = anstream::stdout();
    if groups > 0 {
        searches(groups, &mut out)?;
    }
    loads(&mut out)
}

fn searches(groups: usize, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let (store, tenant) = open(directory.path(), Indexing::On)?;
    let start = Instant::now();
    load(&*store, tenant, groups)?;
    let loaded = start.elapsed();
    let start = Instant::now();
    follow(&*store, tenant)?;
    writeln!(out, "{groups} groups loaded in {loaded:.1?}, indexed {:.1?} later", start.elapsed())?;
    prepare(&*store, tenant, groups)?;
    follow(&*store, tenant)?;
    latencies(&*store, tenant, groups, out)?;
    store.close();
    let bytes = |name: &str| std::fs::metadata(directory.path().join(name)).map_or(0, |file| file.len());
    let each = u64::try_from(groups)?;
    writeln!(out, "bytes a group: data {}, index {}", bytes("rosterd.db") / each, bytes("search.db") / each)?;
    std::fs::remove_file(directory.path().join("search.db"))?;
    let start = Instant::now();
    let store = store::open(directory.path(), &Options::new(Purpose::Serve))?;
    follow(&*store, tenant)?;
    writeln!(out, "made anew in {:.1?}", start.elapsed())?;
    store.close();
    Ok(())
}

fn open(directory: &Path, indexing: Indexing) -> anyhow::Result<(Box<dyn Store>, TenantId)> {
    let store = store::open(directory, &Options { indexing, ..Options::new(Purpose::Serve) })?;
    let tenant = store::write(&*store, |transaction| {
        let tenant = transaction.create_tenant("bench", Timestamp(0))?;
        tenant.map(|tenant| tenant.id).ok_or_else(|| StoreError::Conflict("bench".into()))
    })?;
    Ok((store, tenant))
}

/// The first load: batch after batch, several of them waiting for the writer.
fn load(store: &dyn Store, tenant: TenantId, groups: usize) -> anyhow::Result<()> {
    let mut waiting: Vec<Receiver<Result<(), StoreError>>> = Vec::new();
    for start in (0..groups).step_by(BATCH) {
        let writes: Vec<Write> =
            (start..groups.min(start + BATCH)).map(|number| create(number, groups)).collect();
        let (tell, told) = channel();
        store.write(
            Turn::Of(tenant),
            Box::new(move |transaction| transaction.apply(tenant, &writes, Timestamp(1), None).map(drop)),
            Box::new(move |fate| drop(tell.send(fate))),
        )?;
        waiting.push(told);
        if waiting.len() == WAITING {
            waiting.remove(0).recv()??;
        }
    }
    for told in waiting {
        told.recv()??;
    }
    Ok(())
}

/// Ids ascend; keys come in another order, as hashes of them would.
fn create(number: usize, groups: usize) -> Write {
    let spread = number.wrapping_mul(7919) % groups;
    let pick = |salt: usize, among: usize| {
        let mixed = (number ^ salt << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 33) % among
    };
    let person: String = (0..3).map(|salt| SYLLABLES[pick(salt + 9, SYLLABLES.len())]).collect();
    let colour = if number.is_multiple_of(2) { "rouge" } else { "bleu" };
    let rare = if number % 100_000 == 77 { " Zygomorphe" } else { "" };
    let (kind, subject) = (KINDS[pick(1, KINDS.len())], SUBJECTS[pick(2, SUBJECTS.len())]);
    let name = format!("{kind} {subject} {person} {colour} {}{rare}", 2015 + pick(3, 12));
    let reference = ExternalReference {
        source: Source::unnamed(),
        key: ReferenceKey::from_stored(&format!("cohort-{spread:06}")),
    };
    Write::Create {
        id: id(number),
        id_origin: IdOrigin::Assigned,
        references: vec![reference],
        content: Content {
            name: Name::from_stored(name),
            description: None,
            parent: number.checked_sub(1).map(|number| id(number / 10)),
            photo_url: None,
            details: None,
        },
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

fn id(number: usize) -> GroupId {
    i64::try_from(number + 1).ok().and_then(GroupId::new).unwrap_or(GroupId::MAX)
}

/// A few archived groups, and one that changes late.
fn prepare(store: &dyn Store, tenant: TenantId, groups: usize) -> anyhow::Result<()> {
    let archived = (groups / 2..groups).step_by(groups / 2000).map(id);
    let archived: Vec<Write> = archived.map(|id| Write::Archive { id, reach: Reach::Itself }).collect();
    Ok(store::write(store, move |tx| tx.apply(tenant, &archived, Timestamp(9), None).map(drop))?)
}

/// Waits until the index holds everything.
fn follow(store: &dyn Store, tenant: TenantId) -> anyhow::Result<()> {
    let page = page("cohort", 1)?;
    loop {
        let (revision, next) = store::read(store, |reader| {
            let found = reader.search(tenant, &Filter::default(), &page)?;
            Ok((reader.revision(tenant)?, found.and_then(|found| found.next)))
        })?;
        match next {
            Some(SearchPlace::Word { until, .. })
                if until.revision == revision && until.group == GroupId::MAX.get() =>
            {
                return Ok(());
            }
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn page(text: &str, limit: usize) -> anyhow::Result<SearchPage> {
    let search = Search::parse(text).map_err(|fault| anyhow::anyhow!("{text} {fault}"))?;
    Ok(SearchPage { search, after: None, limit })
}

/// What is searched for in a round.
type Question = (&'static str, fn(usize) -> String, fn(usize) -> Filter);

fn any(_: usize) -> Filter {
    Filter::default()
}

fn person(round: usize) -> String {
    (0..3).map(|salt| SYLLABLES[(round / 7 * salt + round * (salt + 1)) % SYLLABLES.len()]).collect()
}

const QUESTIONS: [Question; 17] = [
    ("one letter", |round| char::from(b'a' + u8::try_from(round % 20).unwrap_or(0)).to_string(), any),
    ("three letters", |round| KINDS[round % 8].chars().take(3).collect(), any),
    ("a common word", |round| SUBJECTS[round % 12].to_lowercase(), any),
    ("a person's name", person, any),
    ("a rare word", |_| "zygo".to_owned(), any),
    ("no match", |round| format!("qq{round}"), any),
    ("beginning of all keys", |_| "cohort-0".to_owned(), any),
    ("beginning of 1000 keys", |round| format!("cohort-{:03}", round * 3), any),
    ("a whole key", |round| format!("cohort-{:06}", round * 3001), any),
    ("common and rare", |_| "20 zygo".to_owned(), any),
    ("common and common", |round| format!("{} {}", KINDS[round % 8], SUBJECTS[round % 12]), any),
    ("four common words", |round| format!("bleu 20 {} {}", KINDS[round % 8], SUBJECTS[round % 12]), any),
    ("never together", |_| "rouge bleu".to_owned(), any),
    ("common, archived", |_| "classe".to_owned(), |_| Filter { life: Life::Archived, ..Filter::default() }),
    (
        "common, below one group",
        |_| "co".to_owned(),
        |round| Filter { place: Place::Below(id(round * 300)), ..Filter::default() },
    ),
    (
        "common, unknown source",
        |_| "classe".to_owned(),
        |_| Filter { source: Some(Source::from_stored("nowhere")), ..Filter::default() },
    ),
    (
        "common, not changed since",
        |_| "classe".to_owned(),
        |_| Filter { updated_after: Some(Timestamp(10)), ..Filter::default() },
    ),
];

fn latencies(
    store: &dyn Store,
    tenant: TenantId,
    groups: usize,
    out: &mut impl std::io::Write,
) -> anyhow::Result<()> {
    writeln!(out, "{:>26} {:>7} {:>5}  {:>8} {:>8} {:>8}", "search", "groups", "more", "p50", "p99", "max")?;
    for (name, text, filter) in QUESTIONS {
        let (mut times, mut found, mut more) = (Vec::new(), Vec::new(), 0);
        for round in 0..ROUNDS {
            let (page, filter) = (page(&text(round * (groups / GROUPS).max(1)), LIMIT)?, filter(round));
            let start = Instant::now();
            let answer = store::read(store, |reader| reader.search(tenant, &filter, &page))?;
            times.push(start.elapsed());
            let answer = answer.unwrap_or_default();
            found.push(answer.views.len());
            more += usize::from(answer.next.is_some());
        }
        times.sort_unstable();
        found.sort_unstable();
        let [middle, late, last] = [times[ROUNDS / 2], times[ROUNDS * 99 / 100], times[ROUNDS - 1]];
        writeln!(
            out,
            "{name:>26} {:>7} {:>4}%  {:>8} {:>8} {:>8}",
            found[ROUNDS / 2],
            more * 100 / ROUNDS,
            shown(middle),
            shown(late),
            shown(last)
        )?;
    }
    Ok(())
}

fn shown(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// The same load with an index and without one, in turns.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn loads(out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let mut rates = [Vec::new(), Vec::new()];
    for turn in 0..2 * LOADS {
        let which = turn % 2;
        let directory = TempDir::new()?;
        let (store, tenant) = open(directory.path(), [Indexing::Off, Indexing::On][which])?;
        let start = Instant::now();
        load(&*store, tenant, LOADED)?;
        rates[which].push(LOADED as f64 / start.elapsed().as_secs_f64());
        store.close();
    }
    let [without, with] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[LOADS / 2]
    });
    writeln!(
        out,
        "first load: {without:.0} groups/s without an index, {with:.0} with one: {:.2}",
        with / without
    )?;
    Ok(())
}
