//! Connections that nobody uses at the moment, and the memory that they keep.

use std::time::Duration;

use rusqlite::Connection;

/// A connection with a thread of its own gives its memory back when there was nothing to do for so long.
pub(super) const UNUSED_FOR: Duration = Duration::from_secs(5);
/// Looks after which a connection counts as unused: there is at least the time between two looks behind it.
const UNUSED: u8 = 2;

/// Those of a pool, the warmest last.
#[derive(Default)]
pub(super) struct Idle(Vec<Waiting>);

struct Waiting {
    connection: Connection,
    /// How many looks have found it here.
    looks: u8,
}

impl Idle {
    /// The last one that came has the warmest cache.
    pub(super) fn pop(&mut self) -> Option<Connection> {
        self.0.pop().map(|waiting| waiting.connection)
    }

    /// It was used until now.
    pub(super) fn push(&mut self, connection: Connection) {
        self.0.push(Waiting { connection, looks: 0 });
    }

    /// It is cold, and the last to be taken.
    pub(super) fn put_last(&mut self, connection: Connection) {
        self.0.insert(0, Waiting { connection, looks: UNUSED });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes out those that are unused since the look before this one, each of them once.
    pub(super) fn look(&mut self) -> Vec<Connection> {
        for waiting in &mut self.0 {
            waiting.looks = waiting.looks.saturating_add(1);
        }
        let unused = self.0.extract_if(.., |waiting| waiting.looks == UNUSED);
        unused.map(|waiting| waiting.connection).collect()
    }
}

/// Lets go of the pages that a connection has read. It reads them again from the system's cache.
pub(super) fn give_back(connection: &Connection) {
    if let Err(error) = connection.execute_batch("PRAGMA shrink_memory") {
        tracing::warn!(%error, "a connection keeps its memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(number: i64) -> Connection {
        let connection = Connection::open_in_memory().expect("opens");
        connection.pragma_update(None, "user_version", number).expect("numbered");
        connection
    }

    fn number(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("told")
    }

    #[test]
    fn who_is_not_used_between_two_looks_gives_back_once() {
        let mut idle = Idle::default();
        for number in [1, 2] {
            idle.push(connection(number));
        }
        assert!(idle.look().is_empty(), "it may have been used just now");
        let used = idle.pop().expect("two are there");
        assert_eq!(number(&used), 2);
        idle.push(used);
        let unused = idle.look();
        assert_eq!(unused.iter().map(number).collect::<Vec<_>>(), [1]);
        for connection in unused {
            give_back(&connection);
            idle.put_last(connection);
        }
        let unused = idle.look();
        assert_eq!(unused.iter().map(number).collect::<Vec<_>>(), [2], "the other has given back already");
        for connection in unused {
            idle.put_last(connection);
        }
        assert!(idle.look().is_empty());
        // Whoever has given back last is the last to be taken.
        let order: Vec<_> = std::iter::from_fn(|| idle.pop()).map(|connection| number(&connection)).collect();
        assert_eq!(order, [1, 2]);
    }

    #[test]
    fn who_was_used_again_gives_back_again() {
        let mut idle = Idle::default();
        idle.push(connection(1));
        for _ in 0..3 {
            assert_eq!(idle.look().len(), 0);
            let mut unused = idle.look();
            idle.put_last(unused.pop().expect("unused"));
            assert_eq!(idle.look().len(), 0);
            let used = idle.pop().expect("it is there");
            idle.push(used);
        }
    }
}
