//! Access keys.

use directory::{TenantId, Timestamp};

use super::Case;
use super::desk::Desk;
use crate::{AccessKey, KeyKind, StoreError};

pub(super) const CASES: &[Case] = &[
    ("access keys are created, found, listed and revoked once", lifecycle),
    ("an access key keeps its kind", kinds),
    ("a taken id and an unknown tenant are refused", refused),
];

fn access_key(id: &str, tenant: TenantId, at: i64) -> AccessKey {
    AccessKey {
        id: id.to_owned(),
        tenant,
        kind: KeyKind::Bearer,
        hash: std::array::from_fn(|index| u8::try_from(index).unwrap_or(0)),
        scopes: "groups:read groups:write".to_owned(),
        created_at: Timestamp(at),
        revoked_at: None,
    }
}

fn add(desk: &Desk, key: &AccessKey) -> Result<(), StoreError> {
    let key = key.clone();
    desk.write(move |tx| tx.create_access_key(&key))
}

fn lifecycle(desk: &Desk) {
    let (left, right) = (desk.tenant("left"), desk.tenant("right"));
    let keys = [
        access_key("b", left, 5),
        access_key("a", right, 6),
        access_key("c", left, 4),
        access_key("d", left, 4),
    ];
    for key in &keys {
        add(desk, key).expect("created");
        assert_eq!(desk.read(|reader| reader.access_key(&key.id)).as_ref(), Some(key));
    }
    assert_eq!(desk.read(|reader| reader.access_key("A")), None);
    let listed = |tenant| -> Vec<String> {
        desk.read(|reader| reader.access_keys(tenant)).into_iter().map(|key| key.id).collect()
    };
    assert_eq!(listed(None), ["c", "d", "b", "a"]);
    assert_eq!(listed(Some(left)), ["c", "d", "b"]);
    for (id, expected) in [("b", true), ("b", false), ("nobody", false)] {
        assert_eq!(desk.write(move |tx| tx.revoke_access_key(id, Timestamp(7))), Ok(expected), "{id}");
    }
    let revoked = desk.read(|reader| reader.access_key("b")).expect("revoked, not gone");
    assert_eq!(revoked, AccessKey { revoked_at: Some(Timestamp(7)), ..keys[0].clone() });
    assert_eq!(listed(Some(left)), ["c", "d", "b"]);
}

/// The key that checks a client's tokens stays what it is, byte for byte, also when the client is revoked.
fn kinds(desk: &Desk) {
    let tenant = desk.tenant("a");
    let client = |id: &str, at, byte: u8| {
        let token_key = std::array::from_fn(|index| byte.wrapping_add(u8::try_from(index).unwrap_or(0)));
        AccessKey { kind: KeyKind::Client { token_key }, ..access_key(id, tenant, at) }
    };
    let keys = [client("a", 1, 0), access_key("b", tenant, 2), client("c", 3, 255)];
    for key in &keys {
        add(desk, key).expect("created");
        assert_eq!(desk.read(|reader| reader.access_key(&key.id)).as_ref(), Some(key));
    }
    assert_eq!(desk.read(|reader| reader.access_keys(Some(tenant))), keys);
    assert_eq!(desk.write(|tx| tx.revoke_access_key("a", Timestamp(9))), Ok(true));
    let revoked = AccessKey { revoked_at: Some(Timestamp(9)), ..keys[0].clone() };
    assert_eq!(desk.read(|reader| reader.access_key("a")), Some(revoked));
}

fn refused(desk: &Desk) {
    let tenant = desk.tenant("a");
    add(desk, &access_key("a", tenant, 1)).expect("created");
    let other = AccessKey { scopes: String::new(), ..access_key("a", tenant, 2) };
    assert!(matches!(add(desk, &other), Err(StoreError::Conflict(_))));
    assert!(matches!(add(desk, &access_key("b", TenantId(77), 2)), Err(StoreError::Internal(_))));
    assert_eq!(desk.read(|reader| reader.access_keys(None)), [access_key("a", tenant, 1)]);
}
