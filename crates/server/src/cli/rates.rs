//! How often an access key may ask.

use directory::Batch;

use crate::config::Misconfigured;
use crate::http::rates::Limits;

#[derive(Debug, clap::Args)]
pub(super) struct Rates {
    /// Requests of one access key in a minute; 0 for any number.
    #[arg(long, value_name = "N", env = "ROSTERD_REQUESTS_PER_MINUTE", default_value_t = 6000)]
    requests_per_minute: u32,
    /// Records of batches of one access key in a minute, at least 1000; 0 for any number.
    #[arg(long, value_name = "N", env = "ROSTERD_RECORDS_PER_MINUTE", default_value_t = 1_200_000)]
    records_per_minute: u32,
}

impl Rates {
    /// The limits, if the largest batch can ever fit into them.
    pub(super) fn limits(&self) -> Result<Limits, Misconfigured> {
        let given = |number: u32| (number > 0).then_some(number);
        let (requests, records) = (given(self.requests_per_minute), given(self.records_per_minute));
        if records.is_some_and(|records| (records as usize) < Batch::MAX_RECORDS) {
            return Err(Misconfigured(format!(
                "--records-per-minute {} would refuse a batch of {most} records for ever: give {most} or more, \
                 or 0 for any number",
                self.records_per_minute,
                most = Batch::MAX_RECORDS
            )));
        }
        Ok(Limits { requests, records })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_batch_fits_or_the_server_does_not_start() {
        for (requests, records, expected) in [
            (6000, 1_200_000, Some((Some(6000), Some(1_200_000)))),
            (1, 1000, Some((Some(1), Some(1000)))),
            (0, 0, Some((None, None))),
            (6000, 999, None),
        ] {
            let rates = Rates { requests_per_minute: requests, records_per_minute: records };
            let limits = rates.limits().ok().map(|limits| (limits.requests, limits.records));
            assert_eq!(limits, expected, "{requests} {records}");
        }
    }
}
