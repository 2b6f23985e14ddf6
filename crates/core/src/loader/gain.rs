//! How many rows should share a run: as many as make a row notably cheaper, measured with a sample at load. More would
//! only let everybody wait longer.

use std::time::{Duration, Instant};

use crate::RunError;
use crate::engine::{Batch, Session};
use crate::queue::run_guarded;

/// Time for measuring, at least and at most; the run that exceeds it is the last one.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// In between, so many times the time of one row: a slow model is measured at as many sizes as a quick one.
const ROWS: u32 = 30;

/// Of so many runs of a size the quickest counts, because other models may be loading.
const RUNS: usize = 3;

/// A run of that many rows took that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) rows: usize,
    pub(super) took: Duration,
}

impl Measured {
    fn nanoseconds_a_row(&self) -> u128 {
        self.took.as_nanos() / self.rows.max(1) as u128
    }

    /// The time of one row, for people.
    pub(super) fn row(&self) -> String {
        let row = Duration::from_nanos(u64::try_from(self.nanoseconds_a_row()).unwrap_or(u64::MAX));
        format!("{row:.1?}")
    }
}

/// Runs a sample once, twice, four times and so on in one run, up to that many rows.
pub(super) fn measure(session: &mut dyn Session, sample: &Batch, max_rows: usize) -> Result<Vec<Measured>, RunError> {
    let (started, mut all) = (Instant::now(), Vec::<Measured>::new());
    let mut copies = vec![sample];
    while let Some(batch) = Batch::concat(&copies) {
        let rows = batch.common_rows().unwrap_or_default();
        let deadline = started + patience(all.first());
        if rows > max_rows || rows == 0 || Instant::now() > deadline {
            break;
        }
        all.push(Measured { rows, took: quickest(session, &batch, deadline)? });
        copies.extend_from_within(..);
    }
    Ok(all)
}

fn patience(first: Option<&Measured>) -> Duration {
    let (least, most) = PATIENCE;
    first.map_or(least, |first| (first.took * ROWS).clamp(least, most))
}

fn quickest(session: &mut dyn Session, batch: &Batch, deadline: Instant) -> Result<Duration, RunError> {
    let mut quickest = Duration::MAX;
    for _ in 0..RUNS {
        let before = Instant::now();
        run_guarded(session, batch)?;
        quickest = quickest.min(before.elapsed());
        if Instant::now() > deadline {
            break;
        }
    }
    Ok(quickest)
}

/// The smallest run in which a row costs no more than a quarter above the least that was measured.
pub(super) fn choose(measured: &[Measured]) -> Option<&Measured> {
    let least = measured.iter().map(Measured::nanoseconds_a_row).min()?;
    measured.iter().find(|measured| measured.nanoseconds_a_row() * 4 <= least * 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs that take so many microseconds, and so many more for each row.
    fn chosen(fixed: u64, row: u64) -> Option<usize> {
        let sizes = [1, 2, 4, 8, 16, 32, 64];
        let took = |rows| Duration::from_micros(fixed + row * rows as u64);
        choose(&sizes.map(|rows| Measured { rows, took: took(rows) })).map(|measured| measured.rows)
    }

    #[test]
    fn rows_share_a_run_as_long_as_that_makes_them_cheaper() {
        assert_eq!(chosen(0, 1000), Some(1), "a row is a row");
        assert_eq!(chosen(200, 1000), Some(1), "hardly a gain");
        assert_eq!(chosen(1000, 1000), Some(4), "two thirds of the cost remain at 2, 1.25 of 1.016 at 4");
        assert_eq!(chosen(10_000, 1000), Some(32));
        assert_eq!(chosen(1000, 0), Some(64), "rows are free");
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn a_model_without_an_answer_has_no_measure() {
        struct Fails;
        impl Session for Fails {
            fn run(&mut self, _batch: &Batch) -> Result<crate::Outputs, RunError> {
                Err(RunError::Failed("always".to_owned()))
            }
        }
        let rows = crate::Tensor::from_vec(crate::Shape::new([1, 1]), vec![1.0_f32]).unwrap();
        assert!(measure(&mut Fails, &Batch::new(vec![rows]), 8).is_err());
    }
}
