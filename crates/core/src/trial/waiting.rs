//! Do runs wait for each other? The kernel tells of each thread how long it ran and how long it was ready to run
//! (`sched-stats.rst`, `/proc/<pid>/schedstat`); for the rest it waited: for a lock, for a disk. That does not depend on how
//! busy the machine is. All threads of the process are looked at together, so that a thread which waits for one that
//! works for it counts as one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Finding, Level};

/// What the kernel has counted of this process' threads.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// How long each ran or was ready to.
    able: BTreeMap<OsString, Duration>,
}

/// Shorter runs are lost in the noise of the clock.
const LEAST_RUN: Duration = Duration::from_micros(20);

/// Threads that can be judged. Of fewer, most may be able to run though only one run goes on: one runs, and one or two are on
/// their way. Of more, some time is missing: the kernel counts how long a thread was ready to run when that is over.
const JUDGED: RangeInclusive<usize> = 6..=16;

/// The part of the threads' time that is much.
const MUCH: f64 = 0.4;

impl Clock {
    /// Now; `None` where the kernel does not tell.
    pub(super) fn now() -> Option<Self> {
        let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
        let able = threads.filter_map(|thread| {
            // It may end meanwhile.
            let counts = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some((thread.file_name(), parse(&counts)?))
        });
        Some(Self { able: able.collect() }).filter(|clock| !clock.able.is_empty())
    }

    /// The part of `time`, of all threads that ask together, in which since then none ran or was ready to.
    pub(super) fn waiting_since(&self, then: &Self, time: Duration) -> f64 {
        let before = |thread| then.able.get(thread).copied().unwrap_or_default();
        let able = self.able.iter().map(|(thread, able)| able.saturating_sub(before(thread)));
        1.0 - able.sum::<Duration>().div_duration_f64(time).min(1.0)
    }
}

/// The time that a thread ran, and was ready to.
fn parse(schedstat: &str) -> Option<Duration> {
    let mut fields = schedstat.split_ascii_whitespace().map(|field| field.parse().ok().map(Duration::from_nanos));
    Some(fields.next()?? + fields.next()??)
}

/// A finding where the threads of a level wait most of their time, and one alone does not.
pub(super) fn judge(alone: &Level, together: &Level) -> Option<Finding> {
    let waiting = together.waiting? - alone.waiting?;
    let threads = together.threads;
    let is_serial = JUDGED.contains(&threads) && alone.times.median >= LEAST_RUN && waiting >= MUCH;
    is_serial.then_some(Finding::Serial { threads, waiting })
}

#[cfg(test)]
mod tests {
    use super::super::Times;
    use super::*;

    fn level(threads: usize, microseconds: u64, waiting: f64) -> Level {
        let time = Duration::from_micros(microseconds);
        let times = Times { median: time, p99: time };
        Level { threads, runs: 1, time, times, waiting: Some(waiting) }
    }

    #[test]
    fn threads_that_wait_most_of_their_time_are_found() {
        let found = judge(&level(1, 100, 0.0), &level(8, 800, 0.8));
        assert_eq!(found, Some(Finding::Serial { threads: 8, waiting: 0.8 }));
        // Alone it waits as much: for a disk, for a service.
        assert_eq!(judge(&level(1, 100, 0.9), &level(8, 100, 0.9)), None);
        // The machine is busy.
        assert_eq!(judge(&level(1, 100, 0.0), &level(8, 800, 0.3)), None);
        assert_eq!(judge(&level(1, 100, 0.0), &level(32, 800, 0.7)), None);
        assert_eq!(judge(&level(1, 100, 0.0), &level(2, 200, 0.9)), None);
        assert_eq!(judge(&level(1, 5, 0.0), &level(8, 40, 0.9)), None);
        assert_eq!(judge(&level(1, 100, 0.0), &Level { waiting: None, ..level(8, 800, 0.0) }), None);
    }

    #[test]
    fn the_kernels_counts_are_read() {
        let clock = |threads: &[(&str, &str)]| Clock {
            able: threads.iter().map(|(thread, counts)| ((*thread).into(), parse(counts).unwrap())).collect(),
        };
        let then = clock(&[("1", "1000 500 3\n"), ("2", "900000 0 1\n")]);
        // The second has ended, the third was started.
        let now = clock(&[("1", "3000 1500 9\n"), ("3", "100 0 1\n")]);
        assert!((now.waiting_since(&then, Duration::from_micros(10)) - 0.69).abs() < 1e-9);
        assert!(parse("1000").is_none() && parse("").is_none());
    }
}
