//! Bits that change in a file, and files that are cut off.

use std::fs;
use std::path::Path;

use directory::write::Content;
use directory::{Description, GroupId, IdOrigin, Name, Write};
use store::conformance::moving::told;
use store::conformance::{Desk, TestStore, reference};
use store::{Options, Purpose, StoreError};

use crate::{check, filled};

/// So many of each; `FLIPS` says otherwise.
const FLIPS: usize = 200;
const CUTS: usize = 40;

/// Numbers that are the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("small") % end
    }
}

/// All that a store answers, as text; an error where it says that it cannot.
fn answers(directory: &Path) -> Result<String, StoreError> {
    let store = store::open(directory, &Options::new(Purpose::Admin))?;
    let tenants = store::read(&*store, |reader| reader.tenants())?;
    let desk = Desk::new(TestStore { store, keep: None });
    // A desk stops at the first error; what it had read is not an answer then.
    let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let texts: Vec<String> =
            tenants.iter().map(|tenant| format!("{tenant:?} {:?}\n", told(&desk, tenant.id))).collect();
        texts.concat()
    }));
    said.map_err(|_| StoreError::Corrupt("not answered".to_owned()))
}

#[derive(Debug, Default)]
struct Tally {
    found: usize,
    harmless: usize,
    missed: Vec<String>,
    /// Of those that are found: wrong answers before anybody looked.
    served: usize,
}

/// What becomes of a file with these bytes.
fn judge(what: &str, bytes: &[u8], whole: &(String, Vec<u8>), tally: &mut Tally) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("rosterd.db"), bytes).expect("written");
    let verified = check(directory.path(), None);
    let is_found = verified.as_ref().map_or(true, |(verified, _)| verified.found > 0);
    let said = answers(directory.path());
    let is_wrong = said.as_ref().is_ok_and(|said| *said != whole.0);
    match (is_found, said) {
        (true, _) => {
            tally.found += 1;
            tally.served += usize::from(is_wrong);
        }
        (false, Ok(_)) if !is_wrong => tally.harmless += 1,
        (false, said) => tally.missed.push(format!("{what}: {:?}", said.err())),
    }
}

fn whole() -> (String, Vec<u8>) {
    let directory = tempfile::tempdir().expect("a directory");
    filled(directory.path());
    fill_up(directory.path());
    (answers(directory.path()).expect("read"), fs::read(directory.path().join("rosterd.db")).expect("read"))
}

/// Many groups more, so that most of the file is in use.
fn fill_up(directory: &Path) {
    let options = Options { indexing: store::Indexing::Off, ..Options::new(Purpose::Serve) };
    let store = store::open(directory, &options).expect("opens");
    let desk = Desk::new(TestStore { store, keep: None });
    let tenant =
        desk.read(|reader| reader.tenants()).iter().find(|tenant| tenant.name == "zoo").expect("there").id;
    let writes: Vec<Write> = (100..700)
        .map(|number| Write::Create {
            id: GroupId::new(number).expect("a good id"),
            id_origin: IdOrigin::Assigned,
            references: vec![reference("HR", &format!("key-{number}"))],
            content: Content {
                name: Name::from_stored(&*format!("Group number {number}")),
                description: Some(Description::from_stored(
                    "What a group is for, in a few words of a sentence.",
                )),
                parent: GroupId::new(if number < 120 { 1 } else { 100 + number % 20 }),
                photo_url: None,
                details: None,
            },
            values: Vec::new(),
            addresses: Vec::new(),
        })
        .collect();
    desk.apply(tenant, 20, &writes).expect("applied");
    desk.store().close();
}

#[test]
fn every_bit_that_changes_is_found_or_harmless() {
    let (whole, mut numbers, mut tally) = (whole(), Numbers(11), Tally::default());
    let flips = std::env::var("FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(FLIPS);
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..flips {
        let (place, bit) = (numbers.below(whole.1.len()), numbers.below(8));
        let mut bytes = whole.1.clone();
        bytes[place] ^= 1 << bit;
        judge(&format!("bit {bit} of byte {place}"), &bytes, &whole, &mut tally);
    }
    drop(std::panic::take_hook());
    println!("{flips} flips in {} bytes: {tally:?}", whole.1.len());
    assert_eq!(tally.missed, [""; 0]);
    assert!(tally.found * 4 > flips, "{tally:?}");
}

#[test]
fn every_file_that_is_cut_off_is_found() {
    let (whole, mut numbers, mut tally) = (whole(), Numbers(7), Tally::default());
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..CUTS {
        let length = numbers.below(whole.1.len() - 1) + 1;
        judge(&format!("cut off behind {length} bytes"), &whole.1[..length], &whole, &mut tally);
    }
    drop(std::panic::take_hook());
    println!("{CUTS} cuts: {tally:?}");
    assert_eq!((tally.missed, tally.harmless), (Vec::new(), 0));
}
