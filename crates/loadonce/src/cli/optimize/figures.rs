//! What a load takes before and after: measured in a process each, in turns, so that what else the machine does happens to
//! both. The files are in the page cache, as after they were written.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::plan::{Taken, in_child};
use crate::cli::{Failure, Settings};

/// The figures of one model: medians of its loads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Bytes of the model's file and its data files.
    pub(super) disk_bytes: u64,
    /// Until the engine has the model.
    pub(super) load_seconds: Times,
    /// Until each session has run once, in which weights that are mapped come into memory.
    pub(super) first_run_seconds: Times,
    /// Bytes that the process took more for a while.
    pub(super) peak_bytes: u64,
    /// Bytes that it takes more.
    pub(super) resident_bytes: u64,
}

/// Seconds that several loads took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Times {
    pub(super) median: f64,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

/// Loads each model so many times, and once before, which is not counted. The bytes are those that each takes on disk.
pub(super) fn measure(settings: &Settings, models: &[(&Path, u64)], loads: u16) -> Result<Vec<Figures>, Failure> {
    let mut taken = vec![Vec::new(); models.len()];
    for turn in 0..=loads {
        for ((model, _), taken) in models.iter().zip(&mut taken) {
            let one = in_child(settings, model, None)?;
            if turn > 0 {
                taken.push(one);
            }
        }
    }
    Ok(taken.iter().zip(models).map(|(taken, (_, disk_bytes))| Figures::of(taken, *disk_bytes)).collect())
}

impl Figures {
    fn of(loads: &[Taken], disk_bytes: u64) -> Self {
        let bytes = |of: fn(&Taken) -> u64| middle(loads.iter().map(of).collect(), Ord::cmp).unwrap_or_default();
        Self {
            disk_bytes,
            load_seconds: Times::of(loads.iter().map(Taken::load_seconds).collect()),
            first_run_seconds: Times::of(loads.iter().map(Taken::first_run_seconds).collect()),
            peak_bytes: bytes(Taken::peak_bytes),
            resident_bytes: bytes(Taken::resident_bytes),
        }
    }
}

impl Times {
    fn of(seconds: Vec<f64>) -> Self {
        Self {
            lowest: seconds.iter().copied().fold(f64::INFINITY, f64::min),
            highest: seconds.iter().copied().fold(0.0, f64::max),
            median: middle(seconds, f64::total_cmp).unwrap_or_default(),
        }
    }

    /// The median.
    pub(super) fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.median).unwrap_or_default()
    }

    /// Whether these are surely shorter: all of them, and by a part that one would notice.
    pub(super) fn are_below(&self, others: &Self) -> bool {
        self.highest < others.lowest && self.median < others.median * (1.0 - NOTABLE)
    }
}

/// The part by which a figure must be another one to be told as gained or lost.
pub(super) const NOTABLE: f64 = 0.05;

/// The median; of an even number, the lower one in the middle.
fn middle<T: Copy>(mut all: Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    all.sort_by(order);
    all.get(all.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shorter_only_if_no_load_says_otherwise() {
        let (slow, fast) = (Times::of(vec![0.7, 0.9, 0.8]), Times::of(vec![0.1, 0.3, 0.2]));
        assert!((slow.median - 0.8).abs() < 1e-9);
        assert!(fast.are_below(&slow) && !slow.are_below(&fast));
        assert!(!Times::of(vec![0.1, 0.75, 0.2]).are_below(&slow), "one was as slow");
        assert!(!Times::of(vec![0.69, 0.69]).are_below(&Times::of(vec![0.7])), "nobody notices");
        assert_eq!((middle(vec![4, 1, 3, 2], Ord::cmp), middle(Vec::<u8>::new(), Ord::cmp)), (Some(2), None));
    }
}
