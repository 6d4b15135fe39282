//! How long to wait before a batch is sent again, and when to give up.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

/// How often a batch is sent at most. Eight attempts wait 63.5 seconds in all when the server does not say
/// how long: enough for it to be restarted.
const ATTEMPTS: u32 = 8;

/// How often while the server has never answered: more likely a wrong address than a restart.
const ATTEMPTS_AT_FIRST: u32 = 4;

/// The first wait; each next one is twice as long. Without jitter: the batches of one import are the only
/// ones that could fall into step, and the server queues those anyway.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest time one batch may spend waiting. A server that asks for more is not coming back soon.
const WAIT_LIMIT: Duration = Duration::from_mins(10);

/// Whether the server has answered anything since the import started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acquaintance {
    Stranger,
    Known,
}

/// What is left of the will to try one batch again.
#[derive(Debug, Default)]
pub(super) struct Patience {
    attempts: u32,
    waited: Duration,
}

impl Patience {
    /// How long to wait before the next attempt, at least as long as the server asked for; `None` when it
    /// is time to give up.
    pub(super) fn next_wait(&mut self, asked: Option<Duration>, server: Acquaintance) -> Option<Duration> {
        self.attempts += 1;
        let limit = match server {
            Acquaintance::Stranger => ATTEMPTS_AT_FIRST,
            Acquaintance::Known => ATTEMPTS,
        };
        let doubling = FIRST_WAIT * 2_u32.pow(self.attempts.min(ATTEMPTS) - 1);
        // The server's word is taken once; after that it has proved too hopeful.
        let wait = match asked {
            Some(asked) if self.attempts == 1 => asked,
            Some(asked) => asked.max(doubling / 2),
            None => doubling,
        };
        self.waited = self.waited.saturating_add(wait);
        (self.attempts < limit && self.waited <= WAIT_LIMIT).then_some(wait)
    }
}

/// The wait a `Retry-After` header asks for: seconds, or a date. The date is compared with the answer's own
/// `Date`, so that neither our clock nor its difference from the server's matters.
pub(super) fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let parser = DateTimeParser::new();
    let until = parser.parse_timestamp(value).ok()?;
    let now = parser.parse_timestamp(date?.trim()).ok()?;
    // A date that has passed asks for no wait at all.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Acquaintance, Patience, retry_after};

    fn waits(asked: Option<u64>, server: Acquaintance) -> Vec<f64> {
        let mut patience = Patience::default();
        let asked = asked.map(Duration::from_secs);
        std::iter::from_fn(|| patience.next_wait(asked, server)).map(|wait| wait.as_secs_f64()).collect()
    }

    #[test]
    fn waits_double_and_end() {
        assert_eq!(waits(None, Acquaintance::Known), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        assert_eq!(waits(None, Acquaintance::Stranger), [0.5, 1.0, 2.0]);
        assert_eq!(waits(Some(0), Acquaintance::Known), [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]);
        assert_eq!(waits(Some(3), Acquaintance::Known), [3.0, 3.0, 3.0, 3.0, 4.0, 8.0, 16.0]);
        assert_eq!(waits(Some(250), Acquaintance::Known), [250.0, 250.0]);
        assert_eq!(waits(Some(u64::MAX), Acquaintance::Known), [0.0; 0]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |value, date, expected: Option<u64>| {
            assert_eq!(retry_after(value, date), expected.map(Duration::from_secs), "{value:?} {date:?}");
        };
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        check(None, date, None);
        check(Some("0"), None, Some(0));
        check(Some(" 120 "), None, Some(120));
        check(Some("-1"), date, None);
        check(Some("soon"), date, None);
        check(Some("Wed, 21 Oct 2015 07:28:30 GMT"), date, Some(30));
        check(Some("Wed, 21 Oct 2015 07:27:30 GMT"), date, Some(0));
        check(Some("Wed, 21 Oct 2015 07:28:30 GMT"), None, None);
    }
}
