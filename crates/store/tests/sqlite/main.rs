//! What only the embedded engine promises: about its files, its lock and its schema.

mod files;
mod migrations;
mod opening;

use std::path::Path;

use directory::{Page, TenantId, Timestamp, Write};
use store::conformance::{Desk, TestStore, key};
use store::{Options, Purpose, StoreError};

fn try_open(directory: &Path, purpose: Purpose) -> Result<Desk, StoreError> {
    let store = store::open(directory, &Options::new(purpose))?;
    Ok(Desk::new(TestStore { store, keep: None }))
}

fn open(directory: &Path) -> Desk {
    try_open(directory, Purpose::Serve).expect("the store opens")
}

/// Why a store does not open.
fn refusal(directory: &Path, purpose: Purpose) -> StoreError {
    try_open(directory, purpose).map(drop).expect_err("the store must not open")
}

/// Adds a group with this key through the planner's own kind of write.
fn add(desk: &Desk, tenant: TenantId, number: i64) {
    let write = Write::Create {
        id: directory::GroupId::new(number).expect("a good id"),
        id_origin: directory::IdOrigin::Assigned,
        references: vec![store::conformance::reference("S", &format!("K{number}"))],
        content: directory::write::Content {
            name: directory::Name::from_stored("name"),
            description: None,
            parent: None,
            photo_url: None,
            details: None,
        },
        values: Vec::new(),
        addresses: Vec::new(),
    };
    desk.apply(tenant, 5, &[write]).expect("applied");
}

fn count(desk: &Desk, tenant: TenantId) -> usize {
    desk.read(|reader| reader.list(tenant, &directory::Filter::default(), Page { after: None, limit: 1000 }))
        .views
        .len()
}

fn only_tenant(desk: &Desk) -> TenantId {
    desk.read(|reader| reader.tenants()).first().expect("one tenant").id
}

fn has_key(desk: &Desk, tenant: TenantId, text: &str) -> bool {
    desk.load(tenant, &[key(text)]).matches.contains_key(&key(text))
}

fn access_key(tenant: TenantId) -> store::AccessKey {
    store::AccessKey {
        id: "k".to_owned(),
        tenant,
        kind: store::KeyKind::Bearer,
        hash: [7; 32],
        scopes: String::new(),
        created_at: Timestamp(3),
        revoked_at: None,
    }
}
