//! When a caller stops to wait, as the head of its request says.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName};

use crate::error::ApiError;

/// Milliseconds for which a mesh waits. Envoy, and with it Istio and other meshes, adds it to requests that it passes on
/// (Envoy's documentation, "Router", `x-envoy-expected-rq-timeout-ms`); it never is 0, which would be no limit.
pub(crate) const EXPECTED_TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

/// `Timeout` of gRPC's `PROTOCOL-HTTP2.md`. Clients of REST send it too, where a gateway translates for them
/// (grpc-gateway, `runtime/context.go`).
pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The earliest deadline that the head of a request names, counted from when it was there; none where it names none.
pub(crate) fn deadline(headers: &HeaderMap, started: Instant) -> Result<Option<Instant>, ApiError> {
    const EXPECTED: HeaderName = HeaderName::from_static(EXPECTED_TIMEOUT);
    const GRPC: HeaderName = HeaderName::from_static(GRPC_TIMEOUT);
    let expected = timeout(headers, &EXPECTED, parse_milliseconds, "a number of milliseconds above 0")?;
    let grpc = timeout(headers, &GRPC, parse_grpc, "8 digits at most and a unit of H, M, S, m, u, n")?;
    Ok(expected.into_iter().chain(grpc).min().and_then(|timeout| started.checked_add(timeout)))
}

fn timeout(
    headers: &HeaderMap,
    name: &HeaderName,
    parse: fn(&str) -> Option<Duration>,
    expected: &str,
) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str().ok().and_then(parse) {
        None => Err(ApiError::invalid(format!("{name}: expected {expected}, got {value:?}"))),
        timeout => Ok(timeout),
    }
}

fn parse_milliseconds(text: &str) -> Option<Duration> {
    parse_digits(text).filter(|milliseconds| *milliseconds > 0).map(Duration::from_millis)
}

/// Up to eight digits and a unit. 0 is a deadline that has passed.
fn parse_grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount = parse_digits(digits).filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_hours(amount)),
        "M" => Some(Duration::from_mins(amount)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// A number without a sign.
fn parse_digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn grpc_timeouts_have_eight_digits_and_a_unit() {
        assert_eq!(parse_grpc("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_grpc("99999999H"), Some(Duration::from_hours(99_999_999)));
        assert_eq!(parse_grpc("0n"), Some(Duration::ZERO));
        for wrong in ["", "m", "1", "1s", "-1m", "+1m", "1.5S", "123456789m", "1ü"] {
            assert_eq!(parse_grpc(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_mesh_says_milliseconds_above_0() {
        assert_eq!(parse_milliseconds("15000"), Some(Duration::from_secs(15)));
        for wrong in ["", "0", "-1", "+1", "1.5", "1s", "18446744073709551616"] {
            assert_eq!(parse_milliseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_earliest_deadline_holds() {
        let started = Instant::now();
        let of = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            deadline(&pairs.collect(), started).map(|deadline| deadline.map(|deadline| deadline - started))
        };
        assert_eq!(of(&[]), Ok(None));
        for (expected, grpc) in [("20", "1S"), ("1000", "20m")] {
            let both = of(&[(EXPECTED_TIMEOUT, expected), (GRPC_TIMEOUT, grpc)]);
            assert_eq!(both, Ok(Some(Duration::from_millis(20))));
        }
        let wrong = of(&[(EXPECTED_TIMEOUT, "soon")]).unwrap_err();
        assert_eq!(
            wrong.text,
            "x-envoy-expected-rq-timeout-ms: expected a number of milliseconds above 0, got \"soon\""
        );
        assert!(of(&[(EXPECTED_TIMEOUT, "1"), (GRPC_TIMEOUT, "soon")]).is_err());
    }
}
