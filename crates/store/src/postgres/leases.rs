//! Limits of access keys that several servers share.

use std::time::Duration;

use futures_util::future::join4;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::KEYS;
use super::client::Client;
use super::failure::{Failure, Phase};
use super::link::Parameter;
use super::pool::Lines;
use crate::{Claim, Lease, Metered, StoreError};

/// Who waits has a request in its hands that could go on without.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is given out need not be known after a crash of the database: its commit does not wait for the disk. The
/// database gives up as well, so that no connection waits there for a row that somebody holds.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off; \
                     SET LOCAL statement_timeout = '200ms'";

pub(super) fn lease(lines: &Lines, claim: &Claim<'_>) -> Result<Lease, StoreError> {
    let row = take(lines, claim).map_err(Failure::into_error)?;
    // A tenant that is not there has no limit to take from.
    let Some(row) = row else { return Ok(Lease { granted: 0, until_full: Duration::ZERO }) };
    let (granted, debt): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Lease {
        granted: u32::try_from(granted).unwrap_or_default(),
        until_full: Duration::from_micros(u64::try_from(debt).unwrap_or_default()),
    })
}

/// On a connection that has just looked for the key: to make one may take longer than who asks will wait.
fn take(lines: &Lines, claim: &Claim<'_>) -> Result<Option<Row>, Failure> {
    let mut lent = lines.take_open(KEYS, PATIENCE)?;
    let asked = lent.connection()?.run(PATIENCE, async |client| match ask(client, claim, false).await {
        Ok(None) => ask(client, claim, true).await,
        known => known,
    });
    let late = || Failure::lost(Phase::Before, "does not answer soon enough");
    let asked = asked.unwrap_or_else(|| Err(late()));
    if asked.as_ref().err().is_none_or(|failure| !failure.lost) {
        lent.give_back();
    }
    asked
}

/// One round trip. The first one of a bucket adds it.
async fn ask(client: &Client, claim: &Claim<'_>, is_first: bool) -> Result<Option<Row>, Failure> {
    let metered: i16 = match claim.metered {
        Metered::Requests => 1,
        Metered::Records => 2,
    };
    let [limit, least, most, back] = [claim.limit, claim.least, claim.most, claim.back].map(i64::from);
    let values: [Parameter<'_>; 7] = [
        (&claim.tenant.0, Type::INT8),
        (&claim.key_id, Type::TEXT),
        (&metered, Type::INT2),
        (&limit, Type::INT8),
        (&least, Type::INT8),
        (&most, Type::INT8),
        (&back, Type::INT8),
    ];
    let add = async {
        if is_first {
            client.run(include_str!("sql/rate_first.sql"), &values[..3]).await?;
        }
        Ok(())
    };
    let (begun, added, rows, ended) = join4(
        client.batch_execute(BEGIN),
        add,
        client.rows(include_str!("sql/rate_lease.sql"), &values),
        client.batch_execute("COMMIT"),
    )
    .await;
    let failed = |error: tokio_postgres::Error| Failure::of(&error, Phase::Before);
    // What failed was rolled back by what should have been the commit.
    begun.map_err(failed)?;
    added.map_err(failed)?;
    let mut rows = rows.map_err(failed)?;
    ended.map_err(failed)?;
    Ok(rows.pop())
}
