//! The feed of changes: what a caller asks of it, and what it looks like in pages and as a stream of events.
//!
//! A position is a text. `4711` says that everything up to revision 4711 was seen, `4711-77` that of revision
//! 4711 groups up to id 77 were, and everything of the revisions below: a revision may hold more groups than
//! a page. Callers hand it back as it stands.

use std::fmt;

use directory::{ChangePlace, Changes, GroupId};

use super::limits::{DEFAULT_PAGE, MAX_PAGE};
use super::listing::{Given, LIMIT};
use super::refusal::{InvalidRequest, Refusal};
use super::wire::{ChangePage, Each, Shown, to_json};
use super::write::{group, write_group};

pub(super) const SINCE: &str = "since";
pub(super) const LAST_EVENT_ID: &str = "Last-Event-ID";

/// What a stream of events begins with: how many milliseconds a client that lost it waits before it comes back.
pub const OPENING: &str = "retry: 1000\n\n";
/// A comment, which clients skip: the other side is still there.
pub const HEARTBEAT: &str = ":\n\n";

/// What a caller asks of the feed of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangesQuery {
    /// What was seen already.
    pub after: ChangePlace,
    /// The most groups of one page.
    pub limit: usize,
    /// Where `after` was said.
    said_in: &'static str,
}

impl ChangesQuery {
    /// Reads the query of one page.
    pub fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let given = Given::read(query, &[SINCE, LIMIT])?;
        let limit = given.number(LIMIT, DEFAULT_PAGE, MAX_PAGE)?;
        Ok(Self { after: since(&given)?, limit, said_in: SINCE })
    }

    /// Reads the query of a stream, and the values of its header `Last-Event-ID`. A client that lost its
    /// stream sends the same query again, and the header, which is then newer.
    pub fn of_stream(query: Option<&str>, last_event_ids: &[&[u8]]) -> Result<Self, Refusal> {
        let given = Given::read(query, &[SINCE])?;
        let (since, limit) = (since(&given)?, DEFAULT_PAGE);
        match last_event_ids {
            [] => Ok(Self { after: since, limit, said_in: SINCE }),
            [id] => {
                let after = str::from_utf8(id).ok().and_then(read).ok_or_else(|| malformed(LAST_EVENT_ID))?;
                Ok(Self { after, limit, said_in: LAST_EVENT_ID })
            }
            _ => {
                let detail = format!("{LAST_EVENT_ID} may be given only once.");
                Err(Refusal::parameter(LAST_EVENT_ID, detail))
            }
        }
    }

    /// The refusal of a place above the tenant's revision: somebody who has seen more than there is must not
    /// be told that nothing is new, or would miss what is written until the revision is reached again.
    pub fn ahead(&self) -> Refusal {
        let said_in = self.said_in;
        let detail = format!(
            "{said_in} lies above the latest revision: this server's data is older than what was seen, such as \
             data restored from a backup. Start again without it, and read everything anew."
        );
        Refusal::invalid(InvalidRequest::InvalidCursor, Some(said_in), detail)
    }
}

fn since(given: &Given) -> Result<ChangePlace, Refusal> {
    let Some(text) = given.text(SINCE) else { return Ok(ChangePlace::end_of(0)) };
    read(text).ok_or_else(|| malformed(SINCE))
}

fn malformed(name: &str) -> Refusal {
    let detail = format!(
        "{name} must be a revision, such as 4711, or a position as this feed hands it out, such as 4711-77."
    );
    Refusal::parameter(name, detail)
}

fn read(text: &str) -> Option<ChangePlace> {
    let (revision, group) = match text.split_once('-') {
        Some((revision, id)) => (revision, GroupId::parse(id)?),
        None => (text, GroupId::MAX),
    };
    let plain = revision.bytes().all(|byte| byte.is_ascii_digit());
    let revision = if plain { revision.parse().ok()? } else { return None };
    Some(ChangePlace { revision, group })
}

/// A place as callers see it.
pub(super) struct Position(ChangePlace);

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChangePlace { revision, group } = self.0;
        if group == GroupId::MAX {
            write!(formatter, "{revision}")
        } else {
            write!(formatter, "{revision}-{group}")
        }
    }
}

/// Writes one page of changes, with the position to go on from.
pub fn write_changes(changes: &Changes) -> Vec<u8> {
    let groups = Each(changes.views.iter().map(group));
    let page = ChangePage { groups, next_since: Shown(Position(changes.next)), more: changes.more };
    to_json(&page, 64 + 512 * changes.views.len())
}

/// Writes one page of changes as events, each with the position behind its group.
pub fn write_events(changes: &Changes) -> Vec<u8> {
    let mut events = Vec::with_capacity(560 * changes.views.len());
    for view in &changes.views {
        let position = Position(ChangePlace::after(view));
        events.extend_from_slice(format!("event: group\nid: {position}\ndata: ").as_bytes());
        // JSON written without indentation has no line ends: those in texts are escaped.
        events.extend(write_group(view));
        events.extend_from_slice(b"\n\n");
    }
    events
}
