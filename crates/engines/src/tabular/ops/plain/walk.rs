//! Walks over the elements of several tensors at once, where each has its own step along each axis: a step of zero
//! repeats an element, a negative one goes backwards.

use loadonce_core::{RunError, Shape};

use crate::tabular::kernel::invalid;

/// Axes to walk over, outermost first, and how the offset into each of `N` tensors changes along them.
#[derive(Clone, Debug)]
pub(super) struct Walk<const N: usize> {
    axes: Vec<Axis<N>>,
    /// The offset of the first element in each tensor.
    start: [isize; N],
}

/// One axis of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis<const N: usize> {
    pub(super) length: usize,
    pub(super) steps: [isize; N],
}

impl<const N: usize> Walk<N> {
    /// A walk over these axes; the caller sees to it that no offset leaves its tensor. Axes that lie behind each other
    /// in all tensors become one.
    pub(super) fn new(start: [isize; N], axes: impl IntoIterator<Item = Axis<N>>) -> Self {
        let mut merged: Vec<Axis<N>> = Vec::new();
        for axis in axes {
            let inner = isize_of(axis.length);
            match merged.last_mut() {
                _ if axis.length == 1 => {}
                Some(outer) if (0..N).all(|each| outer.steps[each] == axis.steps[each].wrapping_mul(inner)) => {
                    outer.length = outer.length.saturating_mul(axis.length);
                    outer.steps = axis.steps;
                }
                _ => merged.push(axis),
            }
        }
        Self { axes: merged, start }
    }

    /// A walk that broadcasts tensors of these shapes to one shape (ONNX, "Multidirectional Broadcasting").
    pub(super) fn broadcast(shapes: [&[usize]; N], to: &Shape) -> Self {
        let mut within = [1_isize; N];
        let mut axes = Vec::with_capacity(to.len());
        for (from_end, &length) in to.iter().rev().enumerate() {
            let mut steps = [0; N];
            for each in 0..N {
                let own = from_the_end(shapes[each], from_end);
                if own != 1 {
                    steps[each] = within[each];
                    within[each] = within[each].wrapping_mul(isize_of(own));
                }
            }
            axes.push(Axis { length, steps });
        }
        Self::new([0; N], axes.into_iter().rev())
    }

    /// The innermost axis.
    pub(super) fn inner(&self) -> Axis<N> {
        self.axes.last().copied().unwrap_or(Axis { length: 1, steps: [0; N] })
    }

    /// Visits the offsets at which the innermost axis begins, in order. No axis may be empty.
    pub(super) fn runs(&self, mut visit: impl FnMut([isize; N])) {
        let outer = &self.axes[..self.axes.len().saturating_sub(1)];
        let mut at = vec![0_usize; outer.len()];
        let mut offsets = self.start;
        loop {
            visit(offsets);
            // As an odometer: the innermost axis that has not ended goes on, those within it start again.
            let Some(moving) = (0..outer.len()).rev().find(|&axis| at[axis] + 1 < outer[axis].length) else { return };
            for axis in moving + 1..outer.len() {
                moved(&mut offsets, outer[axis].steps, -isize_of(at[axis]));
                at[axis] = 0;
            }
            at[moving] += 1;
            moved(&mut offsets, outer[moving].steps, 1);
        }
    }

    /// Visits the offsets of every element, in order. No axis may be empty.
    pub(super) fn offsets(&self, mut visit: impl FnMut([usize; N])) {
        let inner = self.inner();
        self.runs(|mut offsets| {
            for _ in 0..inner.length {
                visit(offsets.map(isize::cast_unsigned));
                moved(&mut offsets, inner.steps, 1);
            }
        });
    }
}

/// The last step of all may lead outside, where nobody looks.
fn moved<const N: usize>(offsets: &mut [isize; N], steps: [isize; N], times: isize) {
    for (offset, step) in offsets.iter_mut().zip(steps) {
        *offset = offset.wrapping_add(step.wrapping_mul(times));
    }
}

/// The shape that tensors of these shapes broadcast to.
pub(super) fn broadcast_shape(shapes: &[&[usize]]) -> Result<Shape, RunError> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let length = |axis: usize| {
        let mut lengths = shapes.iter().map(|shape| from_the_end(shape, rank - 1 - axis)).filter(|&length| length != 1);
        let Some(first) = lengths.next() else { return Some(1) };
        lengths.all(|length| length == first).then_some(first)
    };
    let lengths: Option<Vec<usize>> = (0..rank).map(length).collect();
    let cannot = || {
        let shapes: Vec<_> = shapes.iter().map(|&shape| Shape::from(shape).to_string()).collect();
        invalid(format!("shapes {} cannot be broadcast", shapes.join(" and ")))
    };
    lengths.map(Shape::new).ok_or_else(cannot)
}

/// The steps from one entry to the next along each axis of a tensor.
pub(super) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1_isize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].wrapping_mul(isize_of(shape[axis]));
    }
    strides
}

/// A length as a step. A tensor that exists has no axis too long for that; without elements it is never walked over.
pub(super) fn isize_of(length: usize) -> isize {
    isize::try_from(length).unwrap_or(isize::MAX)
}

fn from_the_end(shape: &[usize], axis: usize) -> usize {
    shape.len().checked_sub(axis + 1).map_or(1, |axis| shape[axis])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited<const N: usize>(walk: &Walk<N>) -> Vec<[usize; N]> {
        let mut visited = Vec::new();
        walk.offsets(|offsets| visited.push(offsets));
        visited
    }

    #[test]
    fn axes_that_lie_behind_each_other_become_one() {
        let shape = Shape::new([2, 3, 4]);
        let walk = Walk::broadcast([&shape, &[4]], &shape);
        assert_eq!(walk.axes, [Axis { length: 6, steps: [4, 0] }, Axis { length: 4, steps: [1, 1] }]);
        let walk = Walk::broadcast([&shape, &[]], &shape);
        assert_eq!(walk.axes, [Axis { length: 24, steps: [1, 0] }]);
        let scalar = Walk::broadcast([&[], &[1, 1]], &Shape::new([1, 1]));
        assert_eq!(visited(&scalar), [[0, 0]]);
    }

    #[test]
    fn a_walk_visits_elements_in_the_order_of_the_result() {
        let walk = Walk::broadcast([&[2, 1, 2], &[3, 1]], &Shape::new([2, 3, 2]));
        let expected = [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2], [2, 0], [3, 0], [2, 1], [3, 1], [2, 2], [3, 2]];
        assert_eq!(visited(&walk), expected);
        let backwards = [Axis { length: 2, steps: [-3] }, Axis { length: 2, steps: [-1] }];
        assert_eq!(visited(&Walk::new([5], backwards)), [[5], [4], [2], [1]]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert_eq!(broadcast_shape(&[&[2, 1], &[3]]).unwrap(), Shape::new([2, 3]));
        assert_eq!(broadcast_shape(&[&[0, 1], &[1, 3]]).unwrap(), Shape::new([0, 3]));
        assert_eq!(broadcast_shape(&[&[], &[]]).unwrap(), Shape::scalar());
        let error = broadcast_shape(&[&[2], &[3]]).unwrap_err().to_string();
        assert!(error.ends_with("shapes [2] and [3] cannot be broadcast"), "{error}");
        assert!(broadcast_shape(&[&[0], &[3]]).is_err());
    }
}
