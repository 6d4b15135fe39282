//! What was measured, as figures.

use std::time::Duration;

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it was due, from the beginning.
    pub due: Duration,
    /// From when it was due until it was answered to the end.
    pub took: Duration,
    /// 0 for no answer.
    pub status: u16,
}

/// What is well for less than so many seconds may be so by chance.
const LAST_SECONDS: u64 = 5;

/// A stream of requests.
#[derive(Debug, Default)]
pub struct Figures {
    /// How long requests were sent.
    pub lasting: Duration,
    /// Those that were sent.
    pub samples: Vec<Sample>,
    /// Not sent, because too many were unanswered.
    pub unsent: usize,
}

impl Figures {
    /// How many answers have this status.
    pub fn count(&self, status: u16) -> usize {
        self.samples.iter().filter(|sample| sample.status == status).count()
    }

    /// Done within the time, a second.
    pub fn goodput(&self) -> f64 {
        let in_time = |sample: &&Sample| sample.status == 200 && sample.due + sample.took <= self.lasting;
        let done = self.samples.iter().filter(in_time).count();
        number(done) / self.lasting.as_secs_f64()
    }

    /// In milliseconds, over the answers with this status: the middle one, and the one that 99 % do not exceed.
    pub fn percentiles(&self, status: u16) -> [f64; 2] {
        let done = || self.samples.iter().filter(|sample| sample.status == status);
        [50, 99].map(|percent| percentile(done().map(|sample| sample.took).collect(), percent))
    }

    /// The first second from which on everything is done, and 95 % of it within a time: all of it together, because
    /// a machine that is shared has a bad second now and then without any load before. `None` where that would
    /// be known of less than the last seconds.
    pub fn well_from(&self, limit_ms: f64) -> Option<u64> {
        let well = |from: &u64| {
            let rest = || self.samples.iter().filter(|sample| sample.due.as_secs() >= *from);
            rest().all(|sample| sample.status == 200)
                && percentile(rest().map(|sample| sample.took).collect(), 95) <= limit_ms
        };
        (0..=self.lasting.as_secs().saturating_sub(LAST_SECONDS)).find(well)
    }
}

/// A count to divide with.
pub fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A larger one.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// The time in milliseconds that so many of a hundred do not exceed.
pub fn percentile(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent).div_ceil(100).max(1) - 1;
    times.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}

/// The middle one, or what lies between the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.get(upper) {
        None => f64::NAN,
        Some(value) if sorted.len() % 2 == 1 => *value,
        Some(value) => f64::midpoint(*value, sorted[upper - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of fifteen seconds, with ten requests in each, that took so many milliseconds and had this status.
    fn stream(took: impl Fn(u64, u64) -> (u64, u16)) -> Figures {
        let sample = |second: u64, number: u64| {
            let (took, status) = took(second, number);
            let due = Duration::from_millis(second * 1000 + number * 100);
            Sample { due, took: Duration::from_millis(took), status }
        };
        let samples = (0..15).flat_map(|second| (0..10).map(move |number| sample(second, number))).collect();
        Figures { lasting: Duration::from_secs(15), samples, unsent: 0 }
    }

    #[test]
    fn a_stream_is_well_from_where_its_rest_is() {
        assert_eq!(stream(|_, _| (20, 200)).well_from(50.0), Some(0));
        let later = |since: u64| stream(move |second, _| (if second < since { 90 } else { 20 }, 200));
        assert_eq!([4, 10, 11].map(|since| later(since).well_from(50.0)), [Some(4), Some(10), None]);
        let hiccup = stream(|second, number| (if second == 14 && number < 5 { 90 } else { 20 }, 200));
        assert_eq!(hiccup.well_from(50.0), Some(0), "five of a hundred and fifty");
        let often = stream(|_, number| (if number == 0 { 90 } else { 20 }, 200));
        assert_eq!(often.well_from(50.0), None);
        let refused = stream(|second, _| (20, if second == 6 { 503 } else { 200 }));
        assert_eq!(refused.well_from(50.0), Some(7));
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        let medians = [&[3.0, 1.0, 2.0][..], &[4.0, 1.0, 2.0, 8.0], &[]].map(median);
        assert_eq!(medians.map(|median| median.to_string()), ["2", "3", "NaN"]);
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = |numbers: &[u64]| numbers.iter().map(|number| Duration::from_millis(*number)).collect();
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let found = [50, 99, 100].map(|percent| percentile(times(&hundred), percent));
        assert_eq!(found.map(|time| format!("{time:.0}")), ["50", "99", "100"]);
        assert_eq!(percentile(times(&[7]), 99).to_string(), "7");
        assert!(percentile(times(&[]), 50).is_nan());
    }
}
