//! Cursors: where a list goes on, as a text that callers hand back unread.

use directory::{GroupId, RunId, TenantId, TreePlace};

/// Hexadecimal digits of the id, and then of the check.
const ID_DIGITS: usize = 14;
const CHECK_DIGITS: usize = 16;

/// One list of one tenant with its conditions: a cursor is good for the list that handed it out alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread(u64);

impl Thread {
    /// The list that these texts tell from all others.
    pub(crate) fn new<'t>(tenant: TenantId, texts: impl IntoIterator<Item = &'t str>) -> Self {
        const VERSION: u64 = 2;
        Self(texts.into_iter().fold(mix(tenant.0.cast_unsigned() ^ VERSION), digest))
    }
}

/// The cursor to what comes after this group.
pub(super) fn write(thread: Thread, after: GroupId) -> String {
    format!("{:014x}{:016x}", after.get(), check(thread, after))
}

/// The group that a cursor of this list comes after. `None` for what this server did not hand out for
/// it, as far as that can be told without a secret: a cursor gives access to nothing that the list
/// itself does not, so a forged one is worth nothing.
pub(super) fn read(thread: Thread, cursor: &str) -> Option<GroupId> {
    let plain = cursor.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if cursor.len() != ID_DIGITS + CHECK_DIGITS || !plain {
        return None;
    }
    let (id, claimed) = cursor.split_at(ID_DIGITS);
    let id = GroupId::new(i64::from_str_radix(id, 16).ok()?)?;
    (u64::from_str_radix(claimed, 16).ok()? == check(thread, id)).then_some(id)
}

/// The cursor to what comes after a place in a tree.
pub(super) fn write_place(thread: Thread, TreePlace { level, group, inhabited }: TreePlace) -> String {
    format!("{level:02x}{:x}{}", u8::from(inhabited), write(on_level(thread, level, inhabited), group))
}

/// The place that a cursor of this tree comes after.
pub(super) fn read_place(thread: Thread, cursor: &str) -> Option<TreePlace> {
    let (level, rest) = cursor.split_at_checked(2)?;
    let (inhabited, rest) = rest.split_at_checked(1)?;
    let level = usize::from_str_radix(level, 16).ok()?;
    let inhabited = inhabited == "1";
    let group = read(on_level(thread, level, inhabited), rest)?;
    let place = TreePlace { level, group, inhabited };
    // One place has one cursor.
    (write_place(thread, place) == cursor).then_some(place)
}

/// The cursor to the runs before this one.
pub(crate) fn write_run(thread: Thread, before: RunId) -> String {
    format!("{before}{:016x}", check_run(thread, before))
}

/// The run that a cursor of this list comes before in time.
pub(crate) fn read_run(thread: Thread, cursor: &str) -> Option<RunId> {
    let (id, _) = cursor.split_at_checked(cursor.len().checked_sub(CHECK_DIGITS)?)?;
    // One place has one cursor.
    RunId::parse(id).filter(|before| write_run(thread, *before) == cursor)
}

fn check_run(thread: Thread, before: RunId) -> u64 {
    digest(thread.0, &before.to_string())
}

fn on_level(thread: Thread, level: usize, inhabited: bool) -> Thread {
    Thread(mix(thread.0 ^ (level as u64) << 1 ^ u64::from(inhabited)))
}

fn check(thread: Thread, after: GroupId) -> u64 {
    mix(thread.0 ^ after.get().cast_unsigned())
}

/// The check of a cursor that consists of this text.
pub(super) fn check_of(thread: Thread, text: &str) -> u64 {
    digest(thread.0, text)
}

/// Takes a text in, its length first: where one text ends and the next begins makes a difference.
fn digest(seed: u64, text: &str) -> u64 {
    let words = text
        .as_bytes()
        .chunks(8)
        .map(|bytes| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    words.fold(mix(seed ^ text.len() as u64), |seed, word| mix(seed ^ word))
}

/// One round of `splitmix64`: every bit that goes in changes half of those that come out.
fn mix(seed: u64) -> u64 {
    let first = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let second = (first ^ (first >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let third = (second ^ (second >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    third ^ (third >> 31)
}
