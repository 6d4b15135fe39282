//! A directory with something of everything, and all that can be read of one.

use directory::model::{Language, Line, Notes, Options};
use directory::write::Content;
use directory::{
    AttributeClass, AttributeId, AttributeType, ChangePlace, Counts, DefinitionFilter, DefinitionWrite,
    Description, Details, Filter, IdOrigin, Life, Name, Needs, NumberedPage, Page, PhotoUrl, RecordedRun,
    Run, RunFilter, RunId, RunPage, Search, SearchPage, TenantId, Timestamp, TreePage, Write,
};

use crate::conformance::desk::{Desk, below, create, give, id, key, reference, rename, update};
use crate::conformance::{addresses, attributes};
use crate::{AccessKey, KeyKind, StoredAnswer};

/// Two tenants with something of everything, and one with nothing.
///
/// # Panics
/// When the store does not write.
pub fn everything(desk: &Desk) -> [TenantId; 3] {
    let tenants = [desk.tenant("zoo"), desk.tenant("ant"), desk.tenant("empty")];
    for tenant in &tenants[..2] {
        groups(desk, *tenant);
        contract_2(desk, *tenant);
        for number in 1..=3 {
            let key = access_key(*tenant, number);
            desk.write(move |tx| tx.create_access_key(&key)).expect("written");
            let (run, answer) = (run(*tenant, number), answer(*tenant, number));
            desk.write(move |tx| {
                tx.keep_run(&run)?;
                tx.keep_answer(&answer, Timestamp(1))
            })
            .expect("written");
        }
        let revoked = access_key(*tenant, 2).id;
        assert_eq!(desk.write(move |tx| tx.revoke_access_key(&revoked, Timestamp(8))), Ok(true));
    }
    tenants
}

/// Trees, archived groups, several references, a given id far up, and one that was assigned and is not there.
fn groups(desk: &Desk, tenant: TenantId) {
    let apply = |at, writes: &[Write]| desk.apply(tenant, at, writes).expect("applied");
    let all = Content {
        name: Name::from_stored("Gr\u{fc}n \u{6771}"),
        description: Some(Description::from_stored("")),
        parent: Some(id(1)),
        photo_url: Some(PhotoUrl::from_stored("https://example.org/a")),
        details: Some(Box::new(Details {
            language: Language::parse("NL").ok(),
            company: Line::from_stored("c"),
            department: Line::from_stored("d"),
            office: Line::from_stored("o"),
            notes: Notes::from_stored("two\nlines"),
            options: Options::from_stored("NNYHP").expect("letters"),
        })),
    };
    let references = vec![reference("S", "A"), reference("", "a"), reference("T", "A"), reference("S", "B")];
    let (values, addresses) = (Vec::new(), Vec::new());
    let whole = Write::Create {
        id: id(2),
        id_origin: IdOrigin::Assigned,
        references,
        content: all,
        values,
        addresses,
    };
    apply(2, &[create(1, &[("S", "Stra\u{DF}e")]), whole, below(2, 3), give(1 << 40)]);
    apply(3, &[create(4, &[("S", "X")]), create(5, &[("", "Y"), ("S", "Y")])]);
    apply(4, &[rename(4, ("S", "X"), ("S", "x")), update(3, "moved", Some(1))]);
    let reach = directory::Reach::Subtree;
    apply(5, &[Write::Archive { id: id(2), reach }, Write::Archive { id: id(4), reach }]);
    apply(6, &[Write::Restore { id: id(4) }]);
    apply(7, &(6..=40).map(|number| below(1, number)).collect::<Vec<_>>());
}

/// Attributes with values and one whose id is gone, and addresses likewise.
fn contract_2(desk: &Desk, tenant: TenantId) {
    attributes::some(desk, tenant);
    let mut full = attributes::definition(5, "ALL_OF_IT", AttributeType::Enum);
    full.class = AttributeClass::Category;
    (full.type_param, full.group) = (Line::from_stored("LIST"), Line::from_stored("here"));
    full.descriptions = [("NL", "\u{e9}\u{e9}n"), ("DE", "ein\tX")]
        .map(|(of, text)| (language(of), Line::from_stored(text)))
        .into();
    full.units = [("NL", "kg")].map(|(of, text)| (language(of), Line::from_stored(text))).into();
    let gone = attributes::definition(6, "GONE", AttributeType::Text);
    let (full, gone) = (DefinitionWrite::Create(full), DefinitionWrite::Create(gone));
    attributes::define(desk, tenant, vec![full, gone]).expect("written");
    let gone = DefinitionWrite::Delete(AttributeId::new(6).expect("a good id"));
    attributes::define(desk, tenant, vec![gone]).expect("written");
    let of_group =
        vec![attributes::value(1, "NL", "x"), attributes::value(1, "DE", "y"), attributes::value(3, "", "5")];
    attributes::put(desk, tenant, 1, None, of_group);
    attributes::put(desk, tenant, 30, Some(1), vec![attributes::value(2, "FR", "a\u{1F}b")]);
    let [first, second] = [addresses::full(1), addresses::address(2, directory::AddressType::Invoice, "s")];
    desk.apply(tenant, 9, &[addresses::updating(5, vec![addresses::add(&first), addresses::add(&second)])])
        .expect("applied");
    let third = addresses::add(&addresses::full(3));
    desk.apply(tenant, 10, &[addresses::updating(6, vec![third])]).expect("applied");
    let gone = directory::AddressWrite::Remove(addresses::full(3).id);
    desk.apply(tenant, 11, &[addresses::updating(6, vec![gone])]).expect("applied");
}

fn language(text: &str) -> Language {
    Language::parse(text).expect("a language")
}

pub(super) fn access_key(tenant: TenantId, number: i64) -> AccessKey {
    let byte = u8::try_from(number).unwrap_or(0);
    AccessKey {
        id: format!("{}-{number}", tenant.0),
        tenant,
        kind: if number == 3 { KeyKind::Client { token_key: [byte; 32] } } else { KeyKind::Bearer },
        hash: [byte; 32],
        scopes: "groups:read".to_owned(),
        created_at: Timestamp(number),
        revoked_at: None,
    }
}

fn run(tenant: TenantId, number: i64) -> RecordedRun {
    let run = Run {
        id: RunId::new(Timestamp(number), [7; 10]),
        tenant,
        key_id: "1-1".to_owned(),
        face: "groups".to_owned(),
        operation: "batch-upsert".to_owned(),
        started_at: Timestamp(number),
        revision: number,
        dry_run: number == 2,
        idempotency_key: (number == 3).then(|| "k3".to_owned()),
        counts: Counts { created: 1, updated: 2, unchanged: 3, archived: 4, restored: 5, failed: 6 },
        omitted: 7,
    };
    RecordedRun { run, failures: vec![0, 255, b'['] }
}

pub(super) fn answer(tenant: TenantId, number: i64) -> StoredAnswer {
    StoredAnswer {
        tenant,
        key: format!("k{number}"),
        fingerprint: [u8::try_from(number).unwrap_or(0); 32],
        status: 207,
        body: "{}\u{e9}".into(),
        expires_at: Timestamp(100 + number),
        run: (number > 1).then(|| RunId::new(Timestamp(number), [7; 10])),
    }
}

/// All that can be read of a tenant, as one text.
///
/// # Panics
/// When the store does not answer.
pub fn told(desk: &Desk, tenant: TenantId) -> String {
    let all = NumberedPage { skip: 0, limit: 1000 };
    let numbers = || (1..45).chain([1 << 40]).map(id);
    let page = Page { after: None, limit: 1000 };
    let search = Search::parse("na").expect("a search");
    desk.read(|reader| {
        let mut told = Vec::new();
        let found = reader.search(
            tenant,
            &Filter::default(),
            &SearchPage { search: search.clone(), after: None, limit: 1000 },
        )?;
        let mut found = found.map(|found| found.views).unwrap_or_default();
        found.sort_by_key(|view| view.group.id);
        told.push(format!("{found:?}"));
        told.push(format!("{:?} {:?}", reader.tenants()?, reader.access_keys(Some(tenant))?));
        for life in [Life::Living, Life::Archived, Life::Any] {
            told.push(format!("{:?}", reader.list(tenant, &Filter { life, ..Filter::default() }, page)?));
        }
        for text in ["A", "a", "B", "x", "X", "Y", "strasse", "Stra\u{DF}e"] {
            let needs = Needs {
                keys: vec![key(text)],
                own_keys: [key(text)].into_iter().collect(),
                ..Needs::default()
            };
            let seen = reader.load(tenant, &needs)?;
            told.push(format!(
                "{text} {:?} {:?} {:?}",
                seen.matches,
                seen.similar,
                reader.find(tenant, &key(text))?
            ));
        }
        let needs = Needs { fresh_ids: 3, ..Needs::default() };
        let seen = reader.load(tenant, &needs)?;
        told.push(format!("{} {:?} {}", seen.revision, seen.free_ids, seen.next_address));
        told.push(format!("{:?}", reader.changes(tenant, ChangePlace::end_of(0), 1000)?));
        told.push(format!("{:?}", reader.definitions(tenant, &DefinitionFilter::default(), all)?));
        told.push(format!("{}", reader.load_definitions(tenant, &[].into())?.next_id));
        let tree = TreePage { life: Life::Any, depth: 9, after: None, limit: 1000 };
        for group in numbers() {
            told.push(format!(
                "{:?} {:?}",
                reader.values(tenant, group, all)?,
                reader.addresses(tenant, group, None)?
            ));
            told.push(format!(
                "{:?} {:?}",
                reader.tree(tenant, group, tree)?,
                reader.ancestors(tenant, group, page)?
            ));
        }
        let runs = RunPage { before: None, oldest: RunId::first_of(Timestamp(0)), limit: 1000 };
        for run in reader.runs(tenant, &RunFilter::default(), runs)?.runs {
            told.push(format!("{:?}", reader.run(tenant, run.id)?));
        }
        for number in 0..5 {
            told.push(format!("{:?}", reader.stored_answer(tenant, &format!("k{number}"), Timestamp(101))?));
        }
        Ok(told.join("\n"))
    })
}
