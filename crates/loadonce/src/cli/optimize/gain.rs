//! In what one model's figures are better than another's: only where every load says so, and by a part that one notices.

use std::fmt;

use loadonce_server::report::readable_size;

use super::figures::{Figures, Spread};
use crate::cli::numbers;

/// The part by which a figure must be another one.
const NOTABLE: f64 = 0.05;

/// Bytes below which a difference in memory is none.
const FEW_BYTES: u64 = 1_000_000;

/// A figure that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gain {
    what: &'static str,
    now: String,
    then: String,
}

/// In what the second is better.
pub(super) fn gains(worse: &Figures, better: &Figures) -> Vec<Gain> {
    let all = [
        sooner("loads in", [&worse.load_seconds, &better.load_seconds]),
        sooner("has run after", [&worse.first_run_seconds, &better.first_run_seconds]),
        less("load peak", [&worse.peak_bytes, &better.peak_bytes]),
        less("in memory", [&worse.resident_bytes, &better.resident_bytes]),
        less("on disk", [&worse.disk_bytes, &better.disk_bytes].map(|bytes| Spread::one(*bytes)).each_ref()),
    ];
    all.into_iter().flatten().collect()
}

/// In what the second is worse.
pub(super) fn losses(before: &Figures, after: &Figures) -> Vec<Gain> {
    let turned = |Gain { what, now, then }| Gain { what, now: then, then: now };
    gains(after, before).into_iter().map(turned).collect()
}

fn sooner(what: &'static str, [worse, better]: [&Spread<f64>; 2]) -> Option<Gain> {
    let is_notable = better.median < worse.median * (1.0 - NOTABLE);
    let [then, now] = [worse, better].map(|seconds| numbers::time(seconds.duration()));
    (better.is_below(worse) && is_notable).then_some(Gain { what, now, then })
}

#[expect(clippy::cast_precision_loss, reason = "a part of it is enough")]
fn less(what: &'static str, [worse, better]: [&Spread<u64>; 2]) -> Option<Gain> {
    let saved = worse.median.saturating_sub(better.median);
    let is_notable = saved >= FEW_BYTES && saved as f64 > worse.median as f64 * NOTABLE;
    let [then, now] = [worse, better].map(|bytes| readable_size(bytes.median));
    (better.is_below(worse) && is_notable).then_some(Gain { what, now, then })
}

impl fmt::Display for Gain {
    /// `loads in 100 ms instead of 700 ms`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} instead of {}", self.what, self.now, self.then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(seconds: &[f64], peak_bytes: &[u64]) -> Figures {
        Figures {
            disk_bytes: 400_000_000,
            load_seconds: Spread::of(seconds.to_vec()).unwrap(),
            first_run_seconds: Spread::one(1.0),
            peak_bytes: Spread::of(peak_bytes.to_vec()).unwrap(),
            resident_bytes: Spread::one(400_000_000),
        }
    }

    fn told(before: &Figures, after: &Figures) -> [Vec<String>; 2] {
        [gains(before, after), losses(before, after)].map(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn gains_and_losses_have_both_figures() {
        let (before, after) = (figures(&[0.7, 0.8, 0.6], &[400_000_000]), figures(&[0.1, 0.2, 0.05], &[800_000_000]));
        let expected = ["loads in 100 ms instead of 700 ms", "load peak 800.0 MB instead of 400.0 MB"];
        assert_eq!(told(&before, &after), expected.map(|text| vec![text.to_owned()]));
    }

    #[test]
    fn what_one_load_denies_or_nobody_notices_is_neither() {
        let before = figures(&[0.7, 0.8, 0.6], &[50_000_000, 40_000_000]);
        let denied = figures(&[0.1, 0.2, 0.65], &[30_000_000, 45_000_000]);
        let [then, now] = [(0.7, 40_000_000), (0.69, 39_500_000)].map(|(time, peak)| figures(&[time], &[peak]));
        for [before, after] in [[&before, &denied], [&then, &now], [&before, &before]] {
            assert_eq!(told(before, after), [vec![], Vec::<String>::new()]);
        }
    }
}
