//! Shapes: the length of each axis, outermost first.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

/// The most axes a request's tensor may have; a bound on nested input.
pub const MAX_RANK: usize = 32;

/// Length of each axis of a tensor, outermost first; no axes for a scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; 4]>);

impl Shape {
    /// The shape with these axes.
    pub fn new(axes: impl IntoIterator<Item = usize>) -> Self {
        Self(axes.into_iter().collect())
    }

    /// The shape of a single element.
    pub fn scalar() -> Self {
        Self::default()
    }

    /// The number of elements; `None` if it does not fit an `usize`.
    pub fn element_count(&self) -> Option<usize> {
        if self.0.contains(&0) {
            return Some(0);
        }
        self.0.iter().try_fold(1_usize, |count, axis| count.checked_mul(*axis))
    }

    /// The shape with another first axis; a scalar stays one.
    #[must_use]
    pub fn with_first(&self, length: usize) -> Self {
        let mut shape = self.clone();
        if let Some(first) = shape.0.first_mut() {
            *first = length;
        }
        shape
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Self(axes.into())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[")?;
        for (position, axis) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "," };
            write!(formatter, "{separator}{axis}")?;
        }
        formatter.write_str("]")
    }
}
