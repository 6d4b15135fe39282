//! The feed of changes: one walk along the index of revisions.
//!
//! Who takes a revision holds the tenant's row until it is committed, so revisions are committed in order, and a
//! reader that sees one sees all below it: nothing can appear behind a place that was passed.

use directory::{ChangePlace, Changes, TenantId};
use tokio_postgres::types::Type;

use super::link::{Link, Parameter};
use super::read::{bound, complete};
use super::rows::Rows;
use crate::StoreError;

const REVISION: &str = "SELECT revision FROM tenants WHERE tenant = $1";

pub(super) fn changes(
    link: &mut Link,
    tenant: TenantId,
    after: ChangePlace,
    limit: usize,
) -> Result<Option<Changes>, StoreError> {
    let (group, most) = (after.group.get(), bound(limit.saturating_add(1)));
    let number: Parameter<'_> = (&tenant.0, Type::INT8);
    let place: [Parameter<'_>; 4] =
        [number.clone(), (&after.revision, Type::INT8), (&group, Type::INT8), (&most, Type::INT8)];
    let mut results =
        link.all(&[(REVISION, &[number]), (include_str!("sql/changes.sql"), &place)])?.into_iter();
    let counters = results.next().unwrap_or_default();
    let revision: i64 = counters.first().map_or(Ok(0), |row| row.try_get(0))?;
    if after.revision > revision {
        return Ok(None);
    }
    let found = results.next().unwrap_or_default();
    let (mut rows, more) = (Rows::default(), found.len() > limit);
    let groups = found.iter().take(limit).map(|row| rows.group(row, None)).collect::<Result<_, _>>()?;
    let views = complete(link, tenant, groups)?;
    let last = views.last().filter(|_| more).map(ChangePlace::after);
    Ok(Some(Changes { views, next: last.unwrap_or(ChangePlace::end_of(revision)), more }))
}
