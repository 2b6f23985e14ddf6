//! One JSON scalar to one tensor element: exact, or refused.

use bytes::Bytes;
use half::{bf16, f16};
use loadonce_core::DType;

use super::b64;

/// An element that can be read from the text of a JSON scalar.
pub(super) trait Scalar: Sized {
    /// What errors call it.
    const DTYPE: DType;

    /// The element; `None` if the scalar is of another kind or does not fit.
    fn parse(token: &str) -> Option<Self>;
}

impl Scalar for Bytes {
    const DTYPE: DType = DType::Bytes;

    fn parse(token: &str) -> Option<Self> {
        if token.starts_with('{') {
            return b64::decode(token);
        }
        serde_json::from_str::<String>(token).ok().map(Self::from)
    }
}

impl Scalar for bool {
    const DTYPE: DType = DType::Bool;

    fn parse(token: &str) -> Option<Self> {
        match token {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Scalar for $integer {
            const DTYPE: DType = <$integer as loadonce_core::Element>::DTYPE;

            fn parse(token: &str) -> Option<Self> {
                token.parse().ok().or_else(|| whole(token)?.try_into().ok())
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($float:ty: $from:expr),*) => {$(
        impl Scalar for $float {
            const DTYPE: DType = <$float as loadonce_core::Element>::DTYPE;

            fn parse(token: &str) -> Option<Self> {
                match token {
                    "\"NaN\"" => Some(<$float>::NAN),
                    "\"Infinity\"" => Some(<$float>::INFINITY),
                    "\"-Infinity\"" => Some(<$float>::NEG_INFINITY),
                    _ if token.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                        let value: $float = $from(token)?;
                        value.is_finite().then_some(value)
                    }
                    _ => None,
                }
            }
        }
    )*};
}

floats!(
    f32: |token: &str| token.parse().ok(),
    f64: |token: &str| token.parse().ok(),
    f16: |token: &str| token.parse().ok().map(f16::from_f64),
    bf16: |token: &str| token.parse().ok().map(bf16::from_f64)
);

/// The value of a whole number written with a fraction or exponent, such as `1.0` or `2e3`; JSON does not tell them
/// apart (RFC 8259, section 6). Only within the range where a double is exact.
fn whole(token: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !token.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    let value: f64 = token.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_all_bits_and_nothing_wraps() {
        assert_eq!(i64::parse("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(u64::parse("18446744073709551615"), Some(u64::MAX));
        assert_eq!(i32::parse("1099511627776"), None);
        assert_eq!(u8::parse("300"), None);
        assert_eq!(u8::parse("-1"), None);
        assert_eq!(i32::parse("1.5"), None);
        assert_eq!(i32::parse("1.0"), Some(1));
        assert_eq!(i32::parse("2e3"), Some(2000));
        assert_eq!(i64::parse("1e19"), None);
        assert_eq!(i32::parse("\"1\""), None);
        assert_eq!(i32::parse("true"), None);
    }

    #[test]
    fn floats_are_nearest_and_never_become_infinite() {
        assert_eq!(f32::parse("0.1"), Some(0.1));
        assert_eq!(f32::parse("1e39"), None);
        assert_eq!(f64::parse("1e309"), None);
        assert_eq!(f64::parse("-0"), Some(-0.0));
        assert_eq!(f16::parse("65504"), Some(f16::MAX));
        assert_eq!(f16::parse("70000"), None);
        assert!(f32::parse("\"NaN\"").unwrap().is_nan());
        assert_eq!(f64::parse("\"-Infinity\""), Some(f64::NEG_INFINITY));
        for refused in ["NaN", "null", "\"1.5\"", "\"inf\"", "true", "inf"] {
            assert_eq!(f32::parse(refused), None, "{refused}");
        }
    }
}
