//! How latencies are spread, drawn with characters.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::cli::numbers::time;

/// Lines of a chart.
const LINES: u32 = 16;

/// Characters of its longest bar.
const WIDTH: f64 = 48.0;

/// A line for each span of times, which are equally far apart as ratios; nothing where there are no latencies.
#[expect(clippy::cast_precision_loss, reason = "a chart shows three digits")]
pub(super) fn chart(latency: &Histogram<u64>) -> String {
    let shares: Vec<_> =
        spans(latency).iter().map(|(end, count)| (*end, *count as f64 / latency.len() as f64)).collect();
    let most = shares.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let mut text = String::new();
    for (end, share) in shares {
        let bar = bar(share / most * WIDTH);
        let _ = writeln!(text, "  up to {:>8} {:>7.2} %  {bar}", time(Duration::from_nanos(end)), share * 100.0);
    }
    text
}

/// The ends of spans, and how many latencies lie in each.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ends of spans may be anywhere"
)]
fn spans(latency: &Histogram<u64>) -> Vec<(u64, u64)> {
    if latency.is_empty() {
        return Vec::new();
    }
    let (low, high) = (latency.min().max(1), latency.max());
    let ratio = (high as f64 / low as f64).powf(1.0 / f64::from(LINES));
    let mut spans = Vec::new();
    let mut start = 0;
    for line in 1..=LINES {
        let end = if line == LINES { high } else { (low as f64 * ratio.powf(f64::from(line))) as u64 };
        let end = latency.highest_equivalent(end);
        if end > start {
            spans.push((end, latency.count_between(start, end)));
            start = latency.next_non_equivalent(end);
        }
    }
    spans
}

/// A bar of that length; whatever is there is seen.
fn bar(length: f64) -> String {
    let whole = "#".repeat((1..=48).take_while(|&at| f64::from(at) <= length + 0.5).count());
    if whole.is_empty() && length > 0.0 { ".".to_owned() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(latencies: &[(u64, u64)]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(100, 3_600_000_000_000, 3).unwrap();
        for (nanoseconds, count) in latencies {
            histogram.record_n(*nanoseconds, *count).unwrap();
        }
        histogram
    }

    #[test]
    fn every_latency_is_in_one_line() {
        let latency = histogram(&[(50_000, 10), (51_000, 900), (70_000, 85), (900_000, 4), (20_000_000, 1)]);
        let spans = spans(&latency);
        assert_eq!(spans.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        assert!(spans.is_sorted() && spans.len() == 16, "{spans:?}");
        let chart = chart(&latency);
        assert!(chart.lines().next().unwrap().ends_with(&"#".repeat(48)), "{chart}");
        assert!(chart.lines().last().unwrap().ends_with("0.10 %  ."), "{chart}");
        assert!(chart.lines().all(|line| line.chars().count() <= 80), "{chart}");
    }

    #[test]
    fn one_latency_is_one_line_and_none_is_nothing() {
        assert_eq!(chart(&histogram(&[(50_000, 3)])).lines().count(), 1);
        assert_eq!(chart(&histogram(&[])), "");
    }
}
