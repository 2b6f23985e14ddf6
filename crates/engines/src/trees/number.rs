//! Numbers in the precision in which trees compare and add.

use std::fmt::Debug;
use std::ops::AddAssign;

use loadonce_core::Element;

/// What LightGBM takes for zero, in double precision too: `kZeroThreshold` of its `include/LightGBM/meta.h`.
pub(crate) const ZERO_THRESHOLD: f32 = 1e-35;

/// Single or double precision.
pub(crate) trait Number: Element + PartialOrd + Debug + AddAssign {
    /// Whether this is no number.
    fn is_missing(self) -> bool;

    /// Whether this is within [`ZERO_THRESHOLD`] of zero.
    fn is_nearly_zero(self) -> bool;

    /// The integer part, unless it is negative or there is none.
    fn to_category(self) -> Option<u32>;
}

impl Number for f32 {
    fn is_missing(self) -> bool {
        self.is_nan()
    }

    fn is_nearly_zero(self) -> bool {
        self.abs() <= ZERO_THRESHOLD
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the integer part is asked for")]
    fn to_category(self) -> Option<u32> {
        (self > -1.0).then_some(self as u32)
    }
}

impl Number for f64 {
    fn is_missing(self) -> bool {
        self.is_nan()
    }

    fn is_nearly_zero(self) -> bool {
        self.abs() <= f64::from(ZERO_THRESHOLD)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the integer part is asked for")]
    fn to_category(self) -> Option<u32> {
        (self > -1.0).then_some(self as u32)
    }
}
