//! Operators that reduce axes: `ReduceSum` and its kin.
//!
//! The axes are an attribute up to operator set 17 (12 for `ReduceSum`), then an input. Without axes all are reduced,
//! or none if `noop_with_empty_axes` says so. Floats are summed in double precision, so that the order of summation,
//! which the specification leaves open, hardly shows. The greatest and the least of elements among which is NaN are NaN,
//! as in numpy; the specification is silent, and what ONNX Runtime answers depends on where the NaN stands.

use std::fmt;

use loadonce_core::{DType, Dim, Element, LoadError, RunError, Tensor};

use super::infer::{axis_among, known_axis, mixed_rows, moved_rows};
use super::number::Number;
use super::spans::{Spans, reduced_shape};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// One element from each span.
struct Reduce<T> {
    reduce: fn(&[T]) -> T,
    settings: Settings,
}

/// The axes to reduce.
#[derive(Clone, Debug)]
enum Axes {
    /// Known at load; none means all, unless `none_if_empty`.
    Known(Vec<i64>),
    /// The second input, if the node has it.
    Input,
}

/// What all of these operators have in common.
#[derive(Debug)]
struct Settings {
    axes: Axes,
    keep: bool,
    none_if_empty: bool,
}

impl Settings {
    fn read(node: &Node<'_>, inputs: &[Value], axes_are_input_since: i64) -> Result<Self, LoadError> {
        let axes = if node.version() < axes_are_input_since {
            Axes::Known(node.ints("axes")?.to_vec())
        } else {
            match inputs.get(1).filter(|axes| !axes.missing) {
                None => Axes::Known(Vec::new()),
                Some(axes) => {
                    axes.expect(&[DType::Int64], node)?;
                    let known = axes.constant.as_ref().map(|axes| axes.as_slice::<i64>().map(<[i64]>::to_vec));
                    let known = known.transpose().map_err(|error| node.corrupt(error.to_string()))?;
                    known.map_or(Axes::Input, Axes::Known)
                }
            }
        };
        let none_if_empty = node.flag("noop_with_empty_axes", false)?;
        Ok(Self { axes, keep: node.flag("keepdims", true)?, none_if_empty })
    }

    /// The axes of an input with so many axes.
    fn along(&self, inputs: &Inputs<'_>, rank: usize) -> Result<Vec<usize>, RunError> {
        let given = match (&self.axes, inputs.optional(1)) {
            (Axes::Known(axes), _) => axes.as_slice(),
            (Axes::Input, Some(axes)) => elements::<i64>(axes)?,
            (Axes::Input, None) => &[],
        };
        if given.is_empty() && !self.none_if_empty {
            return Ok((0..rank).collect());
        }
        given.iter().map(|&axis| axis_among(axis, rank)).collect()
    }

    fn output(&self, node: &Node<'_>, inputs: &[Value]) -> Result<Value, LoadError> {
        let input = &inputs[0];
        let (Axes::Known(axes), Some(dims)) = (&self.axes, &input.dims) else {
            return Ok(Value::new(input.dtype, None).with_rows(mixed_rows(inputs)));
        };
        let mut along = Vec::new();
        for &axis in axes {
            along.extend(known_axis(axis, input, node)?);
        }
        if along.is_empty() && !self.none_if_empty {
            along = (0..dims.len()).collect();
        }
        let rows = reduced_rows(input, &along, self.keep);
        Ok(Value::new(input.dtype, Some(reduced_dims(dims, &along, self.keep))).with_rows(rows))
    }
}

/// Axes of which some are reduced.
pub(super) fn reduced_dims(dims: &[Dim], along: &[usize], keep: bool) -> Vec<Dim> {
    let reduced = |axis: usize| along.contains(&axis);
    let kept = dims.iter().enumerate().filter(|(axis, _)| keep || !reduced(*axis));
    kept.map(|(axis, dim)| if reduced(axis) { Dim::Fixed(1) } else { dim.clone() }).collect()
}

/// Rows of a value of which some axes are reduced.
pub(super) fn reduced_rows(input: &Value, along: &[usize], keep: bool) -> Rows {
    moved_rows(input, |axis| {
        let before = along.iter().filter(|&&reduced| reduced < axis).count();
        (!along.contains(&axis)).then_some(if keep { axis } else { axis - before })
    })
}

impl<T: Element> fmt::Debug for Reduce<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reduce({}, {:?})", T::DTYPE, self.settings)
    }
}

impl<T: Element> Kernel for Reduce<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let along = self.settings.along(inputs, input.shape().len())?;
        let reduced = reduced_shape(input.shape(), &along, self.settings.keep);
        let count = room(&reduced, T::DTYPE)?;
        let mut results = Vec::with_capacity(count);
        if count > 0 {
            Spans::new(input.shape(), &along).each::<T>(input, |span| {
                results.push((self.reduce)(span));
                Ok(())
            })?;
        }
        outputs.push(tensor(reduced, results)?);
        Ok(())
    }
}

/// The `prepare` of each operator: since when its axes are an input, and its function for each element type.
macro_rules! reductions {
    ($($name:ident since $since:literal: $($element:ident $reduce:expr),*;)*) => {$(
        pub(in crate::tabular::ops) fn $name(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
            let settings = Settings::read(node, inputs, $since)?;
            let output = settings.output(node, inputs)?;
            let kernel: Box<dyn Kernel> = match inputs[0].dtype {
                $($element::DTYPE => Box::new(Reduce::<$element> { reduce: $reduce, settings }),)*
                other => return Err(node.unsupported(format!("elements of {other}"))),
            };
            Ok(Prepared { kernel, outputs: vec![output] })
        }
    )*};
}

reductions! {
    prepare_sum since 13: f32 sum, f64 sum, i64 sum, i32 sum;
    prepare_mean since 18: f32 mean, f64 mean, i64 mean, i32 mean;
    prepare_prod since 18: f32 product, f64 product, i64 product, i32 product;
    prepare_max since 18: f32 greatest, f64 greatest, i64 greatest, i32 greatest, bool any;
    prepare_min since 18: f32 least, f64 least, i64 least, i32 least, bool all;
    prepare_sum_square since 18: f32 sum_square, f64 sum_square, i64 sum_square, i32 sum_square;
    prepare_l1 since 18: f32 l1, f64 l1, i64 l1, i32 l1;
    prepare_l2 since 18: f32 l2, f64 l2, i64 l2, i32 l2;
    prepare_log_sum since 18: f32 log_sum, f64 log_sum, i64 log_sum, i32 log_sum;
    prepare_log_sum_exp since 18: f32 log_sum_exp, f64 log_sum_exp, i64 log_sum_exp, i32 log_sum_exp;
}

fn sum<T: Number>(span: &[T]) -> T {
    T::total(span.iter().copied())
}

#[expect(clippy::cast_precision_loss, reason = "no span has so many elements")]
fn mean<T: Number>(span: &[T]) -> T {
    sum(span).over(T::from_f64(span.len() as f64))
}

fn product<T: Number>(span: &[T]) -> T {
    span.iter().fold(T::ONE, |product, &element| product.times(element))
}

fn greatest<T: Number>(span: &[T]) -> T {
    span.iter().fold(T::LEAST, |greatest, &element| element.greater(greatest))
}

fn least<T: Number>(span: &[T]) -> T {
    span.iter().fold(T::GREATEST, |least, &element| element.lesser(least))
}

fn any(span: &[bool]) -> bool {
    span.contains(&true)
}

fn all(span: &[bool]) -> bool {
    !span.contains(&false)
}

fn sum_square<T: Number>(span: &[T]) -> T {
    T::total(span.iter().map(|element| element.times(*element)))
}

fn l1<T: Number>(span: &[T]) -> T {
    T::total(span.iter().map(|element| element.magnitude()))
}

fn l2<T: Number>(span: &[T]) -> T {
    T::from_f64(sum_square(span).to_f64().sqrt())
}

fn log_sum<T: Number>(span: &[T]) -> T {
    T::from_f64(sum(span).to_f64().ln())
}

/// Less the greatest, so that nothing overflows; an infinite one is left alone, for the difference is no number.
fn log_sum_exp<T: Number>(span: &[T]) -> T {
    let greatest = greatest(span).to_f64();
    let shift = if greatest.is_finite() { greatest } else { 0.0 };
    let sum: f64 = span.iter().map(|element| (element.to_f64() - shift).exp()).sum();
    T::from_f64(sum.ln() + shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overflows_that_need_not() {
        assert!((log_sum_exp(&[1000.0_f32, 1000.0]) - 1_000.693_1).abs() < 1e-3);
        assert!(log_sum_exp(&[f32::INFINITY, 1.0]) > f32::MAX);
        assert!(log_sum_exp(&[f64::NEG_INFINITY; 2]) < f64::MIN);
        assert_eq!(sum(&[16_777_216.0_f32, 1.0, 1.0]).to_bits(), 16_777_218.0_f32.to_bits());
    }

    #[test]
    fn what_is_empty_reduces_to_the_neutral_element() {
        assert_eq!((sum::<f32>(&[]), product::<f32>(&[])), (0.0, 1.0));
        assert_eq!((greatest::<f32>(&[]), least::<i64>(&[])), (f32::NEG_INFINITY, i64::MAX));
        assert!(mean::<f64>(&[]).is_nan() && mean::<i64>(&[]) == 0);
        assert!(log_sum_exp::<f32>(&[]) < f32::MIN);
    }
}
