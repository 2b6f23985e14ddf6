//! What a load takes before and after: measured in a process each, in turns, so that what else the machine does happens to
//! both. The files are in the page cache, as after they were written.

use std::cmp::Ordering;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::plan::{Taken, in_child};
use crate::cli::{Failure, Settings};

/// The figures of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Bytes of the model's file and its data files.
    pub(super) disk_bytes: u64,
    /// Until the engine has the model.
    pub(super) load_seconds: Spread<f64>,
    /// Until each session has run once, in which weights that are mapped come into memory.
    pub(super) first_run_seconds: Spread<f64>,
    /// Bytes that the process took more for a while.
    pub(super) peak_bytes: Spread<u64>,
    /// Bytes that it takes more.
    pub(super) resident_bytes: Spread<u64>,
}

/// A figure of several loads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread<T> {
    pub(super) median: T,
    pub(super) lowest: T,
    pub(super) highest: T,
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
    let figures = taken.iter().zip(models).map(|(taken, (_, disk_bytes))| Figures::of(taken, *disk_bytes));
    figures.collect::<Option<_>>().ok_or_else(|| Failure::new(Exit::Internal, "no load was measured"))
}

impl Figures {
    /// None of no loads.
    fn of(loads: &[Taken], disk_bytes: u64) -> Option<Self> {
        let bytes = |of: fn(&Taken) -> u64| Spread::of(loads.iter().map(of).collect());
        let seconds = |of: fn(&Taken) -> f64| Spread::of(loads.iter().map(of).collect());
        Some(Self {
            disk_bytes,
            load_seconds: seconds(Taken::load_seconds)?,
            first_run_seconds: seconds(Taken::first_run_seconds)?,
            peak_bytes: bytes(Taken::peak_bytes)?,
            resident_bytes: bytes(Taken::resident_bytes)?,
        })
    }
}

impl<T: Copy + PartialOrd> Spread<T> {
    /// Of an even number, the median is the lower one in the middle; of none there is nothing.
    pub(super) fn of(mut all: Vec<T>) -> Option<Self> {
        all.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
        let median = *all.get(all.len().saturating_sub(1) / 2)?;
        Some(Self { median, lowest: *all.first()?, highest: *all.last()? })
    }

    /// A figure that is always the same.
    pub(super) fn one(figure: T) -> Self {
        Self { median: figure, lowest: figure, highest: figure }
    }

    /// Whether each is below all of the others.
    pub(super) fn is_below(&self, others: &Self) -> bool {
        self.highest < others.lowest
    }
}

impl Spread<f64> {
    /// The median of seconds.
    pub(super) fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.median).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_a_median_and_its_ends() {
        let (slow, fast) = (Spread::of(vec![0.7, 0.9, 0.8]).unwrap(), Spread::of(vec![0.1, 0.3, 0.2]).unwrap());
        assert_eq!(slow, Spread { median: 0.8, lowest: 0.7, highest: 0.9 });
        assert!(fast.is_below(&slow) && !slow.is_below(&fast) && !slow.is_below(&slow));
        assert_eq!(Spread::of(vec![4_u64, 1, 3, 2]).unwrap().median, 2);
        assert_eq!(Spread::<u64>::of(vec![]), None);
    }
}
