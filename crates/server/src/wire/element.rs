//! One JSON scalar to one tensor element: exact, or refused.

use bytes::Bytes;
use half::{bf16, f16};
use loadonce_core::DType;

use super::b64;
use super::cursor::value_length;
use super::number::{Number, short_integer};

/// An element that can be read from a JSON scalar.
pub(super) trait Scalar: Sized {
    /// What errors call it.
    const DTYPE: DType;

    /// The element at the start of the text and the bytes that it takes; `None` if what is there is no scalar of this
    /// kind or does not fit. What follows the scalar is for the caller to judge.
    fn read(text: &[u8]) -> Option<(Self, usize)>;
}

impl Scalar for Bytes {
    const DTYPE: DType = DType::Bytes;

    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let token = &text[..value_length(text)?];
        let bytes = match token {
            [b'{', ..] => b64::decode(str::from_utf8(token).ok()?)?,
            _ => serde_json::from_slice::<String>(token).ok()?.into(),
        };
        Some((bytes, token.len()))
    }
}

impl Scalar for bool {
    const DTYPE: DType = DType::Bool;

    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let words = [(true, "true"), (false, "false")];
        let (value, word) = words.into_iter().find(|(_, word)| text.starts_with(word.as_bytes()))?;
        Some((value, word.len()))
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Scalar for $integer {
            const DTYPE: DType = <$integer as loadonce_core::Element>::DTYPE;

            #[inline]
            fn read(text: &[u8]) -> Option<(Self, usize)> {
                if let Some((value, length)) = short_integer(text) {
                    return Some((value.try_into().ok()?, length));
                }
                let number = Number::scan(text)?;
                let long = || str::from_utf8(&text[..number.length]).ok()?.parse().ok();
                let value = number.to_integer().and_then(|value| value.try_into().ok()).or_else(long)?;
                Some((value, number.length))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($float:ty: $fast:expr, $exact:expr);* $(;)?) => {$(
        impl Scalar for $float {
            const DTYPE: DType = <$float as loadonce_core::Element>::DTYPE;

            #[inline]
            fn read(text: &[u8]) -> Option<(Self, usize)> {
                let Some(number) = Number::scan(text) else {
                    let words = [
                        ("\"NaN\"", <$float>::NAN),
                        ("\"Infinity\"", <$float>::INFINITY),
                        ("\"-Infinity\"", <$float>::NEG_INFINITY),
                    ];
                    let (word, value) = words.into_iter().find(|(word, _)| text.starts_with(word.as_bytes()))?;
                    return Some((value, word.len()));
                };
                let exact = || str::from_utf8(&text[..number.length]).ok().and_then($exact);
                let value: $float = $fast(number).or_else(exact)?;
                value.is_finite().then_some((value, number.length))
            }
        }
    )*};
}

floats!(
    f32: Number::to_f32, |token: &str| token.parse().ok();
    f64: Number::to_f64, |token: &str| token.parse().ok();
    f16: |number: Number| number.to_f64().map(f16::from_f64), |token: &str| token.parse().ok().map(f16::from_f64);
    bf16: |number: Number| number.to_f64().map(bf16::from_f64), |token: &str| token.parse().ok().map(bf16::from_f64);
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The element, if it takes all of the text and does so wherever the text stands.
    fn parse<T: Scalar + PartialEq>(token: &str) -> Option<T> {
        let whole =
            |read: Option<(T, usize)>| read.filter(|(_, length)| *length == token.len()).map(|(value, _)| value);
        let alone = whole(T::read(token.as_bytes()));
        let amid = whole(T::read(format!("{token},1234567890123456789,0.5]}}").as_bytes()));
        assert!(alone == amid, "{token}");
        alone
    }

    #[test]
    fn integers_keep_all_bits_and_nothing_wraps() {
        assert_eq!(parse("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse("18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse("9007199254740993"), Some(9_007_199_254_740_993_i64));
        for refused in
            ["2147483648", "-2147483649", "1099511627776", "1.5", "\"1\"", "true", "", "-", "+1", "01", "1.", "1e"]
        {
            assert_eq!(parse::<i32>(refused), None, "{refused}");
        }
        assert_eq!((parse::<u8>("300"), parse::<u8>("-1"), parse::<u8>("-0")), (None, None, Some(0)));
        assert_eq!(parse::<u64>("18446744073709551616"), None);
    }

    #[test]
    fn whole_numbers_may_have_a_fraction_and_an_exponent() {
        assert_eq!(
            (parse("1.0"), parse("2e3"), parse("-120e-1"), parse("0e99")),
            (Some(1), Some(2000), Some(-12), Some(0))
        );
        assert_eq!(
            (parse("9007199254740993.0"), parse("1e19")),
            (Some(9_007_199_254_740_993_u64), Some(10_u64.pow(19)))
        );
        for refused in ["1.0000000000000000001", "1e19", "9223372036854775808.0", "5e-1", "1e-99", "1e2147483648"] {
            assert_eq!(parse::<i64>(refused), None, "{refused}");
        }
    }

    #[test]
    fn floats_are_nearest_and_never_become_infinite() {
        assert_eq!(parse("0.1"), Some(0.1_f32));
        assert_eq!(parse::<f64>("-0").map(f64::to_bits), Some((-0.0_f64).to_bits()));
        assert_eq!((parse("3.4028235e38"), parse::<f32>("3.4028236e38")), (Some(f32::MAX), None));
        assert_eq!((parse::<f32>("1e39"), parse::<f64>("1e309"), parse::<f64>("1e99999999999")), (None, None, None));
        assert_eq!(parse("0.9999999999999999999e-99999999999"), Some(0.0_f64));
        assert_eq!((parse("65504"), parse::<f16>("70000")), (Some(f16::MAX), None));
        assert!(f32::read(b"\"NaN\"").unwrap().0.is_nan());
        assert_eq!(parse("\"-Infinity\""), Some(f64::NEG_INFINITY));
        for refused in
            ["NaN", "null", "\"1.5\"", "\"inf\"", "true", "inf", "-inf", "1.", ".5", "-.5", "1.e5", "1e+", "00", "- 1"]
        {
            assert_eq!(parse::<f32>(refused), None, "{refused}");
        }
    }

    /// Where a single that is rounded from the nearest double is wrong.
    #[test]
    fn singles_are_rounded_once() {
        for token in [
            "1.00000017881393432617187499",
            "1.00000017881393432617187501",
            "1.00000017881393421514957253748434595763683319091796875001",
        ] {
            assert_eq!(parse(token), token.parse::<f32>().ok(), "{token}");
        }
    }

    /// A little more than the middle, which 64 bits of the quotient do not tell.
    #[test]
    fn doubles_are_rounded_by_what_is_left_of_the_division() {
        for token in ["3438372451910262336e-21", "8716730661222013233e-18", "9742958560992024286e-14"] {
            assert_eq!(parse(token), token.parse::<f64>().ok(), "{token}");
        }
    }

    #[test]
    fn strings_end_at_their_quote() {
        assert_eq!(parse(r#""a\"b\\""#), Some(Bytes::from_static(b"a\"b\\")));
        for refused in [r#"""#, r#""a"#, r#""a\"#, r#""a\""#, r#""\x""#, r#""\ud800""#, "\"\n\"", "a"] {
            assert_eq!(parse::<Bytes>(refused), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_what_the_standard_library_reads(token in r"-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?") {
            prop_assert_eq!(parse(&token), token.parse::<f32>().ok().filter(|value| value.is_finite()));
            prop_assert_eq!(parse(&token), token.parse::<f64>().ok().filter(|value| value.is_finite()));
        }

        #[test]
        fn singles_as_doubles_write_them_are_read_back(bits in any::<u32>()) {
            let single = f32::from_bits(bits);
            prop_assume!(single.is_finite());
            for token in [format!("{single}"), format!("{single:e}"), format!("{}", f64::from(single)), format!("{:e}", f64::from(single))] {
                prop_assert_eq!(parse::<f32>(&token).map(f32::to_bits), Some(bits), "{}", token);
            }
        }

        #[test]
        fn numbers_near_the_middle_of_two_singles_are_rounded_right(bits in 0x2000_0000_u32..0x6000_0000, off in -6_i64..=6, digits in 6_usize..25) {
            let middle = f64::midpoint(f64::from(f32::from_bits(bits)), f64::from(f32::from_bits(bits + 1)));
            let near = f64::from_bits(middle.to_bits().checked_add_signed(off).unwrap());
            for token in [format!("{near}"), format!("{near:.digits$}"), format!("{near:.digits$e}")] {
                prop_assert_eq!(parse(&token), token.parse::<f32>().ok(), "{}", token);
            }
        }

        #[test]
        fn doubles_of_many_digits_are_rounded_right(digits in any::<u64>(), decimals in 0..30, off in -1_i64..=1) {
            let middle = (digits | 1 << 63) >> 10 | 1;
            for digits in [digits, middle.checked_add_signed(off).unwrap()] {
                let token = format!("{digits}e-{decimals}");
                prop_assert_eq!(parse(&token), token.parse::<f64>().ok(), "{}", token);
            }
        }

        #[test]
        fn integers_are_what_the_standard_library_reads(value in any::<i128>(), shift in 0_u32..127) {
            let token = (value >> shift).to_string();
            prop_assert_eq!(parse(&token), token.parse::<i64>().ok());
            prop_assert_eq!(parse(&token), token.parse::<u64>().ok());
            prop_assert_eq!(parse(&token), token.parse::<i16>().ok());
        }

        #[test]
        fn what_is_a_number_is_what_serde_takes(token in "[-+.eE0-9]{0,12}") {
            let accepted = serde_json::from_str::<serde::de::IgnoredAny>(&token).is_ok();
            let scanned = Number::scan(token.as_bytes()).is_some_and(|number| number.length == token.len());
            prop_assert_eq!(scanned, accepted);
        }
    }
}
