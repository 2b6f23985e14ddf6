//! Numbers for people: three digits that matter, and their unit.

use std::time::Duration;

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    grouped(&number.to_string())
}

/// So many in that time, a second: `48,120`, `3.14`.
#[expect(clippy::cast_precision_loss, reason = "nobody reads that many digits of a rate")]
pub(super) fn rate(count: u64, time: Duration) -> String {
    per_second(if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() })
}

/// A rate.
pub(super) fn per_second(rate: f64) -> String {
    if rate < 100.0 { three_digits(rate) } else { grouped(&format!("{rate:.0}")) }
}

/// `95.3 µs`, `1.20 ms`, `12.0 s`.
pub(super) fn time(time: Duration) -> String {
    if time.is_zero() {
        return "0 µs".to_owned();
    }
    let seconds = time.as_secs_f64();
    let (amount, unit) = match seconds {
        ..999.5e-6 => (seconds * 1e6, "µs"),
        ..999.5e-3 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    format!("{} {unit}", three_digits(amount))
}

fn three_digits(amount: f64) -> String {
    match amount {
        ..9.995 => format!("{amount:.2}"),
        ..99.95 => format!("{amount:.1}"),
        _ => format!("{amount:.0}"),
    }
}

/// Digits with a comma before each group of three.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_enough() {
        let micros = |micros| time(Duration::from_nanos(micros));
        assert_eq!(["0 µs", "9.99 µs", "95.3 µs", "954 µs"], [0, 9_990, 95_349, 953_900].map(micros));
        assert_eq!(
            ["1.20 ms", "120 ms", "1.00 s", "75.0 s"],
            [1_200_000, 120_000_000, 999_999_999, 75_000_000_000].map(micros)
        );
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(thousands));
        assert_eq!([rate(1, Duration::from_secs(4)), rate(481_200, Duration::from_secs(10))], ["0.25", "48,120"]);
        assert_eq!(rate(1, Duration::ZERO), "0.00");
    }
}
