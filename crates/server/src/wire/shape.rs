//! Shapes as callers send them: numbers that may be anything, until they are axes of bounded cost.

use std::fmt::Display;

use loadonce_core::Shape;
use loadonce_core::tensor::MAX_RANK;

use super::WireError;

/// The shape of these axes; `length` is what a number says, if it is a length.
pub(super) fn shape<A: Display>(axes: &[A], length: impl Fn(&A) -> Option<usize>) -> Result<Shape, WireError> {
    if axes.len() > MAX_RANK {
        return Err(WireError::form(".shape", format!("{} axes are too many", axes.len())));
    }
    let checked = |(position, axis): (usize, &A)| {
        let wrong = || format!("expected a length of 0 or more, got {axis}");
        length(axis).ok_or_else(|| WireError::form(format!(".shape[{position}]"), wrong()))
    };
    let axes: Vec<_> = axes.iter().enumerate().map(checked).collect::<Result<_, _>>()?;
    check_empty(&axes)?;
    Ok(Shape::new(axes))
}

/// An empty tensor costs a caller nothing, so its other axes are bounded: an answer of as many rows would not be empty.
fn check_empty(axes: &[usize]) -> Result<(), WireError> {
    const MOST: usize = 1 << 20;
    let product = axes.iter().filter(|axis| **axis > 0).try_fold(1_usize, |product, axis| product.checked_mul(*axis));
    if axes.contains(&0) && product.is_none_or(|product| product > MOST) {
        return Err(WireError::form(".shape", format!("an empty tensor's other axes hold more than {MOST} elements")));
    }
    Ok(())
}
