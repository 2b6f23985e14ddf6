//! Arithmetic on every element type of numbers: integers wrap around, floats follow IEEE 754.

use loadonce_core::Element;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// A matrix, and whether it lies there transposed.
pub(super) struct Transposable<'a, T> {
    pub(super) elements: &'a [T],
    pub(super) is_transposed: bool,
}

/// A number that operators compute with.
pub(super) trait Number: Element + PartialOrd + std::fmt::Debug {
    const ZERO: Self;
    const ONE: Self;
    /// The least and the greatest value, infinite for floats.
    const LEAST: Self;
    const GREATEST: Self;
    /// The least and the greatest finite number.
    const MIN: Self;
    const MAX: Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// Cut off towards zero for integers, whose divisor is not zero.
    fn over(self, other: Self) -> Self;
    /// What division leaves, with the divisor's sign as in Python; an integer's divisor is not zero.
    fn modulo(self, other: Self) -> Self;
    /// What division leaves, with the dividend's sign as in C; an integer's divisor is not zero.
    fn remainder(self, other: Self) -> Self;
    fn negative(self) -> Self;
    fn magnitude(self) -> Self;
    /// -1, 0 or 1; what is no number stays so.
    fn direction(self) -> Self;
    /// Whether this is no number.
    fn is_nan(self) -> bool;
    /// As ONNX Runtime counts powers of integers, and rounded to an integer towards zero for these.
    fn power(self, exponent: f64) -> Self;
    fn to_f64(self) -> f64;
    /// Rounded to the precision of a float, cut off for an integer.
    fn from_f64(value: f64) -> Self;

    /// The sum: that of floats in double precision, rounded once, so that the order hardly shows.
    fn total(numbers: impl Iterator<Item = Self>) -> Self;

    /// Adds the product of row-major matrices `[rows, inner]` and `[inner, columns]`, the second one transposed if so
    /// said, in the processor's widest arithmetic; false if there is none for this type.
    fn add_product(_left: &[Self], _right: Transposable<'_, Self>, _result: &mut [Self], _size: [usize; 3]) -> bool {
        false
    }

    /// Zero in place of what is below it; what is no number stays so.
    fn rectified(self) -> Self {
        if self < Self::ZERO { Self::ZERO } else { self }
    }

    /// The lesser number; NaN if one of them is.
    fn lesser(self, other: Self) -> Self {
        if self.is_nan() || self < other { self } else { other }
    }

    /// The greater number; NaN if one of them is.
    fn greater(self, other: Self) -> Self {
        if self.is_nan() || self > other { self } else { other }
    }
}

macro_rules! floats {
    ($($float:ident, from $from:expr;)*) => {$(
        impl Number for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = $float::NEG_INFINITY;
            const GREATEST: Self = $float::INFINITY;
            const MIN: Self = $float::MIN;
            const MAX: Self = $float::MAX;

            fn add_product(
                left: &[Self],
                right: Transposable<'_, Self>,
                result: &mut [Self],
                [rows, inner, columns]: [usize; 3],
            ) -> bool {
                let lengths = if right.is_transposed { (columns, inner) } else { (inner, columns) };
                let views = (
                    ArrayView2::from_shape((rows, inner), left),
                    ArrayView2::from_shape(lengths, right.elements),
                    ArrayViewMut2::from_shape((rows, columns), result),
                );
                let (Ok(left), Ok(lying), Ok(mut result)) = views else { return false };
                let right = if right.is_transposed { lying.t() } else { lying.view() };
                general_mat_mul(1.0, &left, &right, 1.0, &mut result);
                true
            }

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }

            fn times(self, other: Self) -> Self {
                self * other
            }

            fn over(self, other: Self) -> Self {
                self / other
            }

            fn modulo(self, other: Self) -> Self {
                let left = self % other;
                if left != 0.0 && (left < 0.0) != (other < 0.0) { left + other } else { left }
            }

            fn remainder(self, other: Self) -> Self {
                self % other
            }

            fn negative(self) -> Self {
                -self
            }

            fn magnitude(self) -> Self {
                self.abs()
            }

            fn direction(self) -> Self {
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else if self == 0.0 {
                    0.0
                } else {
                    self
                }
            }

            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }

            fn power(self, exponent: f64) -> Self {
                match exponent {
                    2.0 => self * self,
                    3.0 => self * self * self,
                    _ => self.powf($from(exponent)),
                }
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn from_f64(value: f64) -> Self {
                $from(value)
            }

            fn total(numbers: impl Iterator<Item = Self>) -> Self {
                $from(numbers.map(f64::from).sum::<f64>())
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident, to $to:expr, from $from:expr;)*) => {$(
        impl Number for $integer {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = $integer::MIN;
            const GREATEST: Self = $integer::MAX;
            const MIN: Self = $integer::MIN;
            const MAX: Self = $integer::MAX;

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn over(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }

            fn modulo(self, other: Self) -> Self {
                let left = self.remainder(other);
                if left != 0 && (left < 0) != (other < 0) { left.wrapping_add(other) } else { left }
            }

            fn remainder(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }

            fn negative(self) -> Self {
                self.wrapping_neg()
            }

            fn magnitude(self) -> Self {
                self.wrapping_abs()
            }

            fn direction(self) -> Self {
                self.signum()
            }

            fn is_nan(self) -> bool {
                false
            }

            fn power(self, exponent: f64) -> Self {
                Self::from_f64(self.to_f64().powf(exponent))
            }

            fn to_f64(self) -> f64 {
                $to(self)
            }

            fn from_f64(value: f64) -> Self {
                $from(value)
            }

            fn total(numbers: impl Iterator<Item = Self>) -> Self {
                numbers.fold(0, $integer::wrapping_add)
            }
        }
    )*};
}

floats! {
    f32, from single;
    f64, from std::convert::identity;
}
integers! {
    i32, to f64::from, from int32;
    i64, to double, from int64;
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
fn single(value: f64) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
fn double(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, reason = "cutting off is what is asked for")]
fn int32(value: f64) -> i32 {
    value as i32
}

#[expect(clippy::cast_possible_truncation, reason = "cutting off is what is asked for")]
fn int64(value: f64) -> i64 {
    value as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_and_never_panic() {
        assert_eq!(i32::MAX.plus(1), i32::MIN);
        assert_eq!(i64::MIN.over(-1), i64::MIN);
        assert_eq!(i64::MIN.remainder(-1), 0);
        assert_eq!((i64::MIN.negative(), i64::MIN.magnitude()), (i64::MIN, i64::MIN));
        assert_eq!((7_i32.over(0), 7_i32.modulo(0)), (0, 0));
    }

    #[test]
    fn a_remainder_has_the_sign_of_its_language() {
        assert_eq!(((-7_i64).modulo(3), 7_i64.modulo(-3), (-7_i64).remainder(3)), (2, -2, -1));
        assert_eq!(((-7.5_f64).modulo(2.0), (-7.5_f64).remainder(2.0)), (0.5, -1.5));
    }

    #[test]
    fn what_is_no_number_stays_so() {
        assert!(f32::NAN.lesser(1.0).is_nan() && 1.0_f32.lesser(f32::NAN).is_nan());
        assert!(f64::NAN.greater(1.0).is_nan() && 1.0_f64.greater(f64::NAN).is_nan());
        assert_eq!((2.0_f32.lesser(1.0), 2_i32.greater(5)), (1.0, 5));
    }
}
