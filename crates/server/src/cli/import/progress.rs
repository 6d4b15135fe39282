//! The progress bar.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::summary::Summary;

/// Whether standard error is a terminal. The bar is drawn there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terminal {
    Present,
    Absent,
}

/// Shows how far the import is: by bytes, because how many records a file has is only known at its end.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar for inputs of this length; without a length (standard input, a pipe) it shows no time left.
    pub(super) fn new(terminal: Terminal, length_bytes: Option<u64>) -> Self {
        if terminal == Terminal::Absent {
            return Self(ProgressBar::hidden());
        }
        let bar = length_bytes.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = match length_bytes {
            Some(_) => "{bar:24} {percent:>3}%  {msg}  {eta} left",
            None => "{spinner} {elapsed}  {msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        // Also while a batch takes long or a wait is on: a bar that stands still looks dead.
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(bar)
    }

    /// Shows the state after a batch.
    pub(super) fn show(&self, consumed_bytes: u64, summary: &Summary, waiting: u64) {
        if self.0.is_hidden() {
            return;
        }
        let rate = rate(summary.records, self.0.elapsed());
        let waiting =
            if waiting > 0 { format!(", {waiting} waiting for their parent") } else { String::new() };
        self.0.set_position(consumed_bytes);
        self.0.set_message(format!("{} records, {rate}/s: {}{waiting}", summary.records, summary.outcomes()));
    }

    /// Runs `write` while the bar is out of the way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn rate(records: u64, elapsed: Duration) -> u128 {
    u128::from(records) * 1000 / elapsed.as_millis().max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::rate;

    #[test]
    fn the_rate_is_records_a_second() {
        assert_eq!(rate(0, Duration::ZERO), 0);
        assert_eq!(rate(5000, Duration::from_millis(2500)), 2000);
    }
}
