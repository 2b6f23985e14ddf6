//! `ArgMax`, `ArgMin` and `TopK`: where the greatest and least elements along an axis are.

use std::cmp::Ordering;
use std::fmt;

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::infer::{axis_among, known_axis, mixed_rows, moved_rows};
use super::number::Number;
use super::reduce::{reduced_dims, reduced_rows};
use super::spans::{Spans, reduced_shape};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// The position of one element of each span.
struct Arg<T> {
    /// Whether an element is better than the best before it.
    better: fn(T, T) -> bool,
    axis: i64,
    keep: bool,
}

pub(in crate::tabular::ops) fn prepare_max(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    match inputs[0].dtype {
        DType::Fp32 => prepare_arg::<f32>(node, inputs, [|a, b| a > b, |a, b| a >= b]),
        DType::Fp64 => prepare_arg::<f64>(node, inputs, [|a, b| a > b, |a, b| a >= b]),
        DType::Int64 => prepare_arg::<i64>(node, inputs, [|a, b| a > b, |a, b| a >= b]),
        DType::Int32 => prepare_arg::<i32>(node, inputs, [|a, b| a > b, |a, b| a >= b]),
        other => Err(node.unsupported(format!("elements of {other}"))),
    }
}

pub(in crate::tabular::ops) fn prepare_min(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    match inputs[0].dtype {
        DType::Fp32 => prepare_arg::<f32>(node, inputs, [|a, b| a < b, |a, b| a <= b]),
        DType::Fp64 => prepare_arg::<f64>(node, inputs, [|a, b| a < b, |a, b| a <= b]),
        DType::Int64 => prepare_arg::<i64>(node, inputs, [|a, b| a < b, |a, b| a <= b]),
        DType::Int32 => prepare_arg::<i32>(node, inputs, [|a, b| a < b, |a, b| a <= b]),
        other => Err(node.unsupported(format!("elements of {other}"))),
    }
}

/// The two functions are for the first and, since operator set 12, the last of equal elements.
fn prepare_arg<T: Number>(
    node: &Node<'_>,
    inputs: &[Value],
    better: [fn(T, T) -> bool; 2],
) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let (axis, keep) = (node.int("axis")?.unwrap_or(0), node.flag("keepdims", true)?);
    let better = better[usize::from(node.flag("select_last_index", false)?)];
    let output = match (known_axis(axis, input, node)?, &input.dims) {
        (Some(axis), Some(dims)) => {
            let output = Value::new(DType::Int64, Some(reduced_dims(dims, &[axis], keep)));
            output.with_rows(reduced_rows(input, &[axis], keep))
        }
        _ => Value::new(DType::Int64, None).with_rows(mixed_rows(inputs)),
    };
    Ok(Prepared { kernel: Box::new(Arg { better, axis, keep }), outputs: vec![output] })
}

impl<T: Number> fmt::Debug for Arg<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Arg({}, axis {})", T::DTYPE, self.axis)
    }
}

impl<T: Number> Kernel for Arg<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let along = [axis_among(self.axis, input.shape().len())?];
        let shape = reduced_shape(input.shape(), &along, self.keep);
        let count = room(&shape, DType::Int64)?;
        let mut positions: Vec<i64> = Vec::with_capacity(count);
        if count > 0 {
            Spans::new(input.shape(), &along).each::<T>(input, |span| {
                positions.push(self.position(span).ok_or_else(|| invalid("an axis is empty"))?);
                Ok(())
            })?;
        }
        outputs.push(tensor(shape, positions)?);
        Ok(())
    }
}

impl<T: Number> Arg<T> {
    fn position(&self, span: &[T]) -> Option<i64> {
        let mut best = 0;
        for (position, &element) in span.iter().enumerate().skip(1) {
            if (self.better)(element, span[best]) {
                best = position;
            }
        }
        i64::try_from(best).ok().filter(|_| !span.is_empty())
    }
}

/// The greatest or least elements of each span, in order, and where they are; the first of equal ones comes first.
struct TopK<T> {
    axis: i64,
    count: Count,
    order: fn(&T, &T) -> Ordering,
}

/// How many elements are wanted.
#[derive(Clone, Copy, Debug)]
enum Count {
    Known(i64),
    /// The second input says it.
    Input,
}

/// `sorted` may be passed over: what is asked for in no order may come in any.
pub(in crate::tabular::ops) fn prepare_top_k(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    match inputs[0].dtype {
        DType::Fp32 => prepare_top::<f32>(node, inputs),
        DType::Fp64 => prepare_top::<f64>(node, inputs),
        DType::Int64 => prepare_top::<i64>(node, inputs),
        DType::Int32 => prepare_top::<i32>(node, inputs),
        other => Err(node.unsupported(format!("elements of {other}"))),
    }
}

fn prepare_top<T: Number>(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let axis = node.int("axis")?.unwrap_or(-1);
    let count = Count::read(node, inputs)?;
    let order = if node.flag("largest", true)? { |a: &T, b: &T| order(b, a) } else { order::<T> };
    let mut dims = input.dims.clone();
    let at = known_axis(axis, input, node)?;
    if let (Some(dims), Some(at)) = (&mut dims, at) {
        dims[at] = count.known().map_or(Dim::ANY, Dim::Fixed);
    }
    let rows = moved_rows(input, |rows| (at.is_some() && at != Some(rows)).then_some(rows));
    let output = |dtype| Value::new(dtype, dims.clone()).with_rows(rows);
    let outputs = vec![output(input.dtype), output(DType::Int64)];
    Ok(Prepared { kernel: Box::new(TopK { axis, count, order }), outputs })
}

impl Count {
    /// An attribute before operator set 10.
    fn read(node: &Node<'_>, inputs: &[Value]) -> Result<Self, LoadError> {
        if node.version() < 10 {
            return Ok(Self::Known(node.int("k")?.ok_or_else(|| node.corrupt("no attribute 'k'"))?));
        }
        let count = inputs.get(1).ok_or_else(|| node.corrupt("no second input, which says how many"))?;
        count.expect(&[DType::Int64], node)?;
        let known = count.constant.as_ref().and_then(|count| count.as_slice::<i64>().ok()?.first().copied());
        Ok(known.map_or(Self::Input, Self::Known))
    }

    fn known(self) -> Option<usize> {
        match self {
            Self::Known(count) => usize::try_from(count).ok(),
            Self::Input => None,
        }
    }

    fn among(self, inputs: &Inputs<'_>, length: usize) -> Result<usize, RunError> {
        let count = match self {
            Self::Known(count) => count,
            Self::Input => *elements::<i64>(inputs.get(1)?)?.first().ok_or_else(|| invalid("no number of elements"))?,
        };
        let found = usize::try_from(count).ok().filter(|&count| count <= length);
        found.ok_or_else(|| invalid(format!("{count} elements are asked for along an axis of {length}")))
    }
}

/// A total order, with what is no number above all numbers.
fn order<T: Number>(left: &T, right: &T) -> Ordering {
    left.is_nan().cmp(&right.is_nan()).then_with(|| left.partial_cmp(right).unwrap_or(Ordering::Equal))
}

impl<T: Number> fmt::Debug for TopK<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TopK({}, axis {}, {:?})", T::DTYPE, self.axis, self.count)
    }
}

impl<T: Number> Kernel for TopK<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let axis = axis_among(self.axis, input.shape().len())?;
        let count = self.count.among(inputs, input.shape()[axis])?;
        let spans = Spans::new(input.shape(), &[axis]);
        let lengths = input.shape().iter().enumerate().map(|(each, &length)| if each == axis { count } else { length });
        let shape = Shape::new(lengths);
        let total = room(&shape, DType::Int64)?;
        let (mut values, mut positions) = (vec![T::ZERO; total], vec![0_i64; total]);
        // Spans come in the order of the other axes; those within the axis lie `within` apart in the result.
        let within: usize = if total == 0 { 1 } else { shape[axis + 1..].iter().product() };
        let mut span_index = 0;
        if total > 0 {
            spans.each::<T>(input, |span| {
                let start = span_index / within * within * count + span_index % within;
                for (rank, best) in self.best(span, count).into_iter().enumerate() {
                    values[start + rank * within] = span[best];
                    positions[start + rank * within] = i64::try_from(best).unwrap_or(i64::MAX);
                }
                span_index += 1;
                Ok(())
            })?;
        }
        outputs.push(tensor(shape.clone(), values)?);
        outputs.push(tensor(shape, positions)?);
        Ok(())
    }
}

impl<T: Number> TopK<T> {
    /// Positions of the best elements, the best one first.
    fn best(&self, span: &[T], count: usize) -> Vec<usize> {
        let mut positions: Vec<usize> = (0..span.len()).collect();
        let order = |&a: &usize, &b: &usize| (self.order)(&span[a], &span[b]).then(a.cmp(&b));
        if count > 0 && count < positions.len() {
            positions.select_nth_unstable_by(count - 1, order);
        }
        positions.truncate(count);
        positions.sort_unstable_by(order);
        positions
    }
}
