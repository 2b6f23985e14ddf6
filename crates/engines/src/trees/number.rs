//! Numbers in the precision in which trees compare and add.

use std::fmt::Debug;
use std::ops::AddAssign;

use loadonce_core::Element;

/// Single or double precision.
pub(crate) trait Number: Element + PartialOrd + Debug + AddAssign {
    /// Whether this is no number.
    fn is_missing(self) -> bool;
}

impl Number for f32 {
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

impl Number for f64 {
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}
