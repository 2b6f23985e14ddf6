//! The elements of a tensor along some of its axes, as one slice for each place among the other axes.

use loadonce_core::{Element, RunError, Shape, Tensor};

use super::walk::{Axis, Walk, strides};
use crate::tabular::numbers::elements;

/// A tensor divided into spans of equal length.
#[derive(Debug)]
pub(super) struct Spans {
    /// Over the places of spans.
    outer: Walk<1>,
    /// Within a span.
    inner: Walk<1>,
    pub(super) count: usize,
    pub(super) length: usize,
}

impl Spans {
    /// The spans along these axes, each of which the shape has.
    pub(super) fn new(shape: &Shape, along: &[usize]) -> Self {
        let strides = strides(shape);
        let axes = |within: bool| {
            let chosen = (0..shape.len()).filter(move |axis| along.contains(axis) == within);
            chosen.map(|axis| Axis { length: shape[axis], steps: [strides[axis]] }).collect::<Vec<_>>()
        };
        let (outer, inner) = (axes(false), axes(true));
        // A shape without elements may have axes whose product cannot be counted; no such span is ever visited.
        let product = |axes: &[Axis<1>]| axes.iter().fold(1_usize, |product, axis| product.saturating_mul(axis.length));
        let (count, length) = (product(&outer), product(&inner));
        Self { outer: Walk::new([0], outer), inner: Walk::new([0], inner), count, length }
    }

    /// Visits every span in order. Nothing is copied where a span lies together.
    pub(super) fn each<T: Element>(
        &self,
        tensor: &Tensor,
        mut visit: impl FnMut(&[T]) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let all = elements::<T>(tensor)?;
        if all.is_empty() {
            return (0..self.count).try_for_each(|_| visit(&[]));
        }
        let mut result = Ok(());
        let mut scratch = Vec::new();
        self.outer.offsets(|[start]| {
            if result.is_ok() {
                result = visit(self.span(all, start, &mut scratch));
            }
        });
        result
    }

    /// A tensor of the same shape, each of whose spans is computed from that of `tensor`.
    pub(super) fn map<T: Element, R: Element>(
        &self,
        tensor: &Tensor,
        mut change: impl FnMut(&[T], &mut [R]),
    ) -> Result<Vec<R>, RunError> {
        let all = elements::<T>(tensor)?;
        let mut changed = vec![R::default(); all.len()];
        if all.is_empty() {
            return Ok(changed);
        }
        let (mut scratch, mut result) = (Vec::new(), vec![R::default(); self.length]);
        let lies_together = self.lies_together();
        self.outer.offsets(|[start]| {
            let span = self.span(all, start, &mut scratch);
            if lies_together {
                change(span, &mut changed[start..start + self.length]);
                return;
            }
            change(span, &mut result);
            let mut from = result.iter();
            self.inner.offsets(|[offset]| {
                if let Some(element) = from.next() {
                    changed[start + offset] = *element;
                }
            });
        });
        Ok(changed)
    }

    fn lies_together(&self) -> bool {
        let inner = self.inner.inner();
        inner.length == self.length && (inner.steps == [1] || self.length == 1)
    }

    fn span<'a, T: Element>(&self, all: &'a [T], start: usize, scratch: &'a mut Vec<T>) -> &'a [T] {
        if self.lies_together() {
            return &all[start..start + self.length];
        }
        scratch.clear();
        self.inner.offsets(|[offset]| scratch.push(all[start + offset]));
        scratch
    }
}

/// The shape with some axes reduced to one element or left out.
pub(super) fn reduced_shape(shape: &Shape, along: &[usize], keep: bool) -> Shape {
    let reduced = |axis: usize| along.contains(&axis);
    let kept = shape.iter().enumerate().filter(|(axis, _)| keep || !reduced(*axis));
    Shape::new(kept.map(|(axis, &length)| if reduced(axis) { 1 } else { length }))
}
