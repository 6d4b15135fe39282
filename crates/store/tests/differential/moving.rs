//! What both engines hold has one digest, whichever engine holds it and whichever took it in.

use directory::{TenantId, Timestamp};
use proptest::prelude::*;
use store::Turn;
use store::conformance::Desk;
use store::digest::digest;
use store::moving::{Item, Portion, PortionSize};

use crate::Side;

/// In most tenants there are more items than fit into a portion.
const MOST: PortionSize = PortionSize { items: 5, bytes: 2000 };

/// Adds as many tenants to the one as the other has, so that the next ones have the same ids and names: these are
/// part of the digest.
pub(crate) fn number_alike(like: &Desk, desk: &Desk) {
    let count = like.read(|reader| reader.tenants()).len();
    let add = move |tx: &mut dyn store::Transaction| {
        (0..count)
            .try_for_each(|number| tx.create_tenant(&format!("tenant {number}"), Timestamp(0)).map(drop))
    };
    desk.write(add).expect("written");
}

/// The digests of the case's tenants are equal, and what the reference engine hands out comes out of SQLite as it
/// went in.
pub(crate) fn hold_the_same(memory: &Side<'_>, sqlite: &Side<'_>) -> Result<(), TestCaseError> {
    for (left, right) in memory.tenants.iter().zip(&sqlite.tenants) {
        let left_digest = digest(memory.desk.store(), *left, MOST, &mut |_| ()).expect("read");
        prop_assert_eq!(left_digest, digest(sqlite.desk.store(), *right, MOST, &mut |_| ()).expect("read"));
        let moved = portions(memory.desk, *left);
        let count = sqlite.desk.read(|reader| reader.tenants()).len();
        let id = TenantId(i64::try_from(count).expect("few") + 1);
        for portion in &moved {
            let mut portion = portion.clone();
            (portion.head.tenant.id, portion.head.tenant.name) = (id, format!("tenant {count}"));
            sqlite.desk.write_for(Turn::Of(id), move |tx| tx.put(&portion)).expect("written");
        }
        let items = |portions: Vec<Portion>| -> Vec<Item> {
            portions.into_iter().flat_map(|portion| portion.items).collect()
        };
        prop_assert_eq!(items(portions(sqlite.desk, id)), items(moved));
    }
    Ok(())
}

fn portions(desk: &Desk, tenant: TenantId) -> Vec<Portion> {
    let (mut portions, mut after) = (Vec::new(), None);
    loop {
        let portion = desk.read(|reader| reader.portion(tenant, after.as_ref(), MOST)).expect("a tenant");
        after = portion.until();
        portions.push(portion);
        if after.is_none() {
            return portions;
        }
    }
}
