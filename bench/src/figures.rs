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

    /// The first second from which on everything is done, and 95 % of it within a time.
    pub fn well_from(&self, limit_ms: f64) -> Option<u64> {
        let seconds = self.lasting.as_secs();
        let well = |second: u64| {
            let of_it = || self.samples.iter().filter(|sample| sample.due.as_secs() == second);
            of_it().all(|sample| sample.status == 200)
                && percentile(of_it().map(|sample| sample.took).collect(), 95) <= limit_ms
        };
        let last_bad = (0..seconds).rev().find(|second| !well(*second));
        let from = last_bad.map_or(0, |second| second + 1);
        (from < seconds).then_some(from)
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
