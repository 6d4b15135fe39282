//! What processes have used of the machine, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// The kernel counts processor time for users in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// What a process, with the children that it names, has used since it began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Time of processors, in the program and in the kernel for it.
    pub(crate) busy: Duration,
    /// Bytes that it had the kernel send to a disk.
    pub(crate) written: u64,
}

impl Usage {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// Of one process, all its threads included.
pub(crate) fn of(process: u32) -> Usage {
    let [user, kernel, ..] = times(process);
    Usage { busy: ticks(user + kernel), written: written(process) }
}

/// Of this program.
pub(crate) fn own() -> Usage {
    of(std::process::id())
}

/// Of a server that has a process for each connection: those that have ended included.
pub(crate) fn of_all_below(process: u32) -> Duration {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let alive = children.split_whitespace().filter_map(|child| child.parse().ok()).map(|child| {
        let [user, kernel, ..] = times(child);
        user + kernel
    });
    ticks(times(process).iter().sum::<u64>() + alive.sum::<u64>())
}

/// In the program, in the kernel, and both of the children that have ended. Nothing where it has ended itself.
fn times(process: u32) -> [u64; 4] {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name may hold anything; what follows it does not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    std::array::from_fn(|place| fields.get(11 + place).and_then(|field| field.parse().ok()).unwrap_or(0))
}

fn ticks(count: u64) -> Duration {
    TICK * u32::try_from(count).unwrap_or(u32::MAX)
}

fn written(process: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// Has the kernel forget the most memory that a process had at a time.
pub(crate) fn forget_peak(process: u32) {
    // Without the right to do it, the peak is that since the start.
    drop(fs::write(format!("/proc/{process}/clear_refs"), "5"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_writing_are_seen() {
        let before = own();
        let mut sum = 0_u64;
        while own().since(before).busy < 3 * TICK {
            sum = (0..100_000).fold(sum, |sum, number| sum.wrapping_mul(31).wrapping_add(number));
        }
        std::hint::black_box(sum);
        assert!(of_all_below(std::process::id()) >= 3 * TICK);
    }
}
