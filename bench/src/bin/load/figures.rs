//! What was measured, as figures.

use std::time::Duration;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// When it was due, from the beginning.
    pub(crate) due: Duration,
    /// From when it was due until it was answered to the end.
    pub(crate) took: Duration,
    /// 0 for no answer.
    pub(crate) status: u16,
}

/// A stream of requests.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) lasting: Duration,
    pub(crate) samples: Vec<Sample>,
    /// Not sent, because too many were unanswered.
    pub(crate) unsent: usize,
}

impl Figures {
    pub(crate) fn count(&self, status: u16) -> usize {
        self.samples.iter().filter(|sample| sample.status == status).count()
    }

    /// Done within the time, a second.
    pub(crate) fn goodput(&self) -> f64 {
        let in_time = |sample: &&Sample| sample.status == 200 && sample.due + sample.took <= self.lasting;
        let done = self.samples.iter().filter(in_time).count();
        number(done) / self.lasting.as_secs_f64()
    }

    /// In milliseconds, over the answers with this status: the middle one, and the one that 99 % do not exceed.
    pub(crate) fn percentiles(&self, status: u16) -> [f64; 2] {
        [50, 99]
            .map(|percent| percentile(self.samples.iter().filter(|sample| sample.status == status), percent))
    }

    /// The first second from which on everything is done, and 95 % of it within a time.
    pub(crate) fn well_from(&self, limit_ms: f64) -> Option<u64> {
        let seconds = self.lasting.as_secs();
        let well = |second: u64| {
            let of_it = || self.samples.iter().filter(|sample| sample.due.as_secs() == second);
            of_it().all(|sample| sample.status == 200) && percentile(of_it(), 95) <= limit_ms
        };
        let last_bad = (0..seconds).rev().find(|second| !well(*second));
        let from = last_bad.map_or(0, |second| second + 1);
        (from < seconds).then_some(from)
    }
}

pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn percentile<'s>(samples: impl Iterator<Item = &'s Sample>, percent: usize) -> f64 {
    let mut times: Vec<Duration> = samples.map(|sample| sample.took).collect();
    times.sort_unstable();
    let at = (times.len() * percent).div_ceil(100).max(1) - 1;
    times.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}
