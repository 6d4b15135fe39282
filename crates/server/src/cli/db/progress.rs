//! The progress bar of a copy.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use store::copying::{Phase, Progress};

/// Shows how far a copy is: by tenants, because how much each has is only known at its end.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Drawn on standard error if that is a terminal, and nowhere else.
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::no_length();
        let template = "{bar:24} tenant {pos} of {len}  {msg}  {elapsed}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        // A bar that stands still looks dead.
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(bar)
    }

    pub(super) fn show(&self, progress: &Progress<'_>) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_length(progress.tenants as u64);
        self.0.set_position(progress.number as u64);
        self.0.set_message(message(progress));
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn message(progress: &Progress<'_>) -> String {
    let doing = match progress.phase {
        Phase::Copying => "copied",
        Phase::Checking => "checked",
        Phase::Mending => "looked at again",
    };
    format!("{}: {} items {doing}", progress.tenant, progress.items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_is_done_with_whom() {
        let progress = Progress { tenant: "zoo", number: 2, tenants: 3, phase: Phase::Checking, items: 12 };
        assert_eq!(message(&progress), "zoo: 12 items checked");
    }
}
