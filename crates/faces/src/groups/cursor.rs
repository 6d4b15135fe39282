//! Cursors: where a list goes on, as a text that callers hand back unread.

use directory::{GroupId, TenantId};

/// Hexadecimal digits of the id, and then of the check.
const ID_DIGITS: usize = 14;
const CHECK_DIGITS: usize = 16;

/// The cursor to what comes after this group.
pub(super) fn write(tenant: TenantId, after: GroupId) -> String {
    format!("{:014x}{:016x}", after.get(), check(tenant, after))
}

/// The group that a cursor of this tenant comes after. `None` for what this server did not hand out to
/// this tenant, as far as that can be told without a secret: a cursor gives access to nothing that
/// the list itself does not, so a forged one is worth nothing.
pub(super) fn read(tenant: TenantId, cursor: &str) -> Option<GroupId> {
    let plain = cursor.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if cursor.len() != ID_DIGITS + CHECK_DIGITS || !plain {
        return None;
    }
    let (id, claimed) = cursor.split_at(ID_DIGITS);
    let id = GroupId::new(i64::from_str_radix(id, 16).ok()?)?;
    (u64::from_str_radix(claimed, 16).ok()? == check(tenant, id)).then_some(id)
}

/// Two rounds of `splitmix64`: every bit of tenant and id changes half of the digits.
fn check(tenant: TenantId, after: GroupId) -> u64 {
    const VERSION: u64 = 1;
    mix(mix(tenant.0.cast_unsigned() ^ VERSION) ^ after.get().cast_unsigned())
}

fn mix(seed: u64) -> u64 {
    let first = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let second = (first ^ (first >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let third = (second ^ (second >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    third ^ (third >> 31)
}
