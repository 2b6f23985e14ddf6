//! Memory over runs: does it grow for ever, or has it only warmed up? A pure decision over what was read.
//!
//! A leak is steady: memory rises with the runs from each quarter of the readings to the next, in the last step by at least
//! half as much a run as in the first, a third of the readings or more are higher than all before, and a line through all of them rises for certain. A cache that fills, an allocator that takes a chunk, and pages that a
//! forked process writes for the first time rise early, or in a step.

use std::fmt;

/// Memory at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) runs: u64,
    pub(super) bytes: u64,
}

/// What memory does with the number of runs: bytes for each thousand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// The slope of a line through all readings.
    pub per_thousand: f64,
    /// The slope lies so far from the true one at most, in 19 of 20 cases.
    pub margin: f64,
    /// Whether that is a leak.
    pub is_leak: bool,
}

/// The least rise that is told from the noise of pages: a part of what there is, or 64 pages.
const LEAST_BYTES: f64 = 64.0 * 4096.0;

/// Of a normal distribution; readings are many enough.
const CERTAIN: f64 = 1.96;

/// Readings that are needed to say anything.
pub(super) const ENOUGH: usize = 16;

/// Looks at readings after the model has warmed up. `None` where they are too few.
#[expect(clippy::cast_precision_loss, reason = "bytes and runs are far below 2^52")]
pub(super) fn judge(readings: &[Reading]) -> Option<Growth> {
    if readings.len() < ENOUGH {
        return None;
    }
    let points: Vec<_> = readings.iter().map(|reading| (reading.runs as f64, reading.bytes as f64)).collect();
    let (slope, error) = line(&points)?;
    let quarters: Vec<_> = points.chunks_exact(points.len() / 4).take(4).map(mean).collect();
    let steps: Vec<_> = quarters.windows(2).map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0)).collect();
    let rise = quarters[3].1 - quarters[0].1;
    let is_steady = steps.iter().all(|step| *step >= slope / 3.0) && steps[2] >= steps[0] / 2.0;
    let is_often = records(readings) >= readings.len() / 3;
    let is_leak = rise >= LEAST_BYTES && is_steady && is_often && slope - CERTAIN * error > 0.0;
    Some(Growth { per_thousand: slope * 1e3, margin: CERTAIN * error * 1e3, is_leak })
}

/// Readings that are higher than all before.
fn records(readings: &[Reading]) -> usize {
    let mut highest = readings.first().map_or(0, |first| first.bytes);
    let is_record = |reading: &&Reading| {
        let is_higher = reading.bytes > highest;
        highest = highest.max(reading.bytes);
        is_higher
    };
    readings.iter().filter(is_record).count()
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    (
        points.iter().map(|(runs, _)| runs).sum::<f64>() / count,
        points.iter().map(|(_, bytes)| bytes).sum::<f64>() / count,
    )
}

/// Slope of the least-squares line, and its standard error.
#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let (middle, level) = mean(points);
    let spread: f64 = points.iter().map(|(runs, _)| (runs - middle).powi(2)).sum();
    if spread <= 0.0 {
        return None;
    }
    let slope = points.iter().map(|(runs, bytes)| (runs - middle) * (bytes - level)).sum::<f64>() / spread;
    let residue = |(runs, bytes): &(f64, f64)| (bytes - level - slope * (runs - middle)).powi(2);
    let variance = points.iter().map(residue).sum::<f64>() / (count - 2.0);
    Some((slope, (variance / spread).sqrt()))
}

impl fmt::Display for Growth {
    /// For people: `12.0 kB a thousand runs (+- 1.0)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.1} kB a thousand runs (+- {:.1})", self.per_thousand / 1e3, self.margin / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type BytesAt = fn(u64) -> u64;

    /// The machine may be busy: runs come in other numbers.
    fn growth(bytes: impl Fn(u64) -> u64) -> Growth {
        let runs = |step: u64| if step < 12 { step * 100 } else { 1200 + (step - 12) * 20 };
        let readings: Vec<_> = (0..24).map(|step| Reading { runs: runs(step), bytes: bytes(runs(step)) }).collect();
        judge(&readings).unwrap()
    }

    #[test]
    fn a_steady_rise_is_a_leak() {
        let noise = |runs: u64| runs / 20 * 7919 % 5 * 4096;
        let leak = growth(|runs| 50_000_000 + runs * 1000 + noise(runs));
        assert!(leak.is_leak, "{leak:?}");
        assert!((leak.per_thousand - 1e6).abs() < leak.margin * 2.0, "{leak}");
    }

    #[test]
    fn what_warms_up_steps_or_shakes_is_none() {
        let sound: [(&str, BytesAt); 6] = [
            ("flat", |_| 50_000_000),
            ("shaking", |runs| 50_000_000 + runs / 20 * 7919 % 11 * 40_960),
            ("a step", |runs| if runs < 1000 { 50_000_000 } else { 54_000_000 }),
            ("steps", |runs| 50_000_000 + runs / 480 * 4_000_000),
            ("filling", |runs| 90_000_000 - 40_000_000 / (1 + runs * runs / 10_000)),
            ("falling", |runs| 50_000_000 - runs * 1000),
        ];
        for (name, bytes) in sound {
            let growth = growth(bytes);
            assert!(!growth.is_leak, "{name}: {growth:?}");
        }
    }

    #[test]
    fn few_readings_say_nothing() {
        assert_eq!(judge(&[Reading { runs: 1, bytes: 1 }; ENOUGH - 1]), None);
        assert_eq!(judge(&[Reading { runs: 1, bytes: 1 }; ENOUGH]), None);
    }
}
