//! Operators whose result is a look at their input in another order: `Slice`, `Transpose`, `Expand`, `Tile`, `Split`.

use std::borrow::Cow;

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::cells::{Movement, moved};
use super::infer::{axis_among, free_dims, known_axis, mixed_rows, moved_rows};
use super::walk::{Axis, Walk, broadcast_shape, isize_of, strides};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Elements in the order of a walk.
struct View {
    walk: Walk<1>,
    count: usize,
}

impl View {
    /// Copies what a walk over these axes sees of a tensor.
    fn copy(
        tensor: &Tensor,
        shape: Shape,
        start: isize,
        axes: impl IntoIterator<Item = Axis<1>>,
    ) -> Result<Tensor, RunError> {
        let count = room(&shape, tensor.dtype())?;
        moved(&[tensor], shape, &Self { walk: Walk::new([start], axes), count })
    }
}

impl Movement for View {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let Some(from) = tensors.first() else { return Ok(Vec::new()) };
        let mut elements = Vec::with_capacity(self.count);
        if self.count == 0 {
            return Ok(elements);
        }
        let inner = self.walk.inner();
        if inner.steps == [1] {
            self.walk.runs(|[start]| {
                let start = start.cast_unsigned();
                elements.extend_from_slice(&from[start..start + inner.length]);
            });
        } else {
            self.walk.offsets(|[offset]| elements.push(from[offset].clone()));
        }
        Ok(elements)
    }
}

/// Axes in another order.
#[derive(Debug)]
struct Transpose {
    /// The input's axis for each of the output; empty for all of them reversed.
    order: Vec<usize>,
}

pub(in crate::tabular::ops) fn prepare_transpose(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let order = node.optional_ints("perm")?;
    let order =
        order.map(|order| permutation(order).ok_or_else(|| node.corrupt(format!("{order:?} is no order of axes"))));
    let order = order.transpose()?.unwrap_or_default();
    let kernel = Transpose { order };
    let Some(dims) = &input.dims else {
        let output = Value::new(input.dtype, None).with_rows(mixed_rows(inputs));
        return Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] });
    };
    let order = kernel.order(dims.len()).map_err(|error| node.corrupt(error.to_string()))?;
    let rows = moved_rows(input, |axis| order.iter().position(|&from| from == axis));
    let dims = order.iter().map(|&axis| dims[axis].clone()).collect();
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![Value::new(input.dtype, Some(dims)).with_rows(rows)] })
}

fn permutation(order: &[i64]) -> Option<Vec<usize>> {
    let order: Vec<usize> = order.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<_>>()?;
    (0..order.len()).all(|axis| order.contains(&axis)).then_some(order)
}

impl Transpose {
    fn order(&self, rank: usize) -> Result<Vec<usize>, RunError> {
        match self.order.len() {
            0 => Ok((0..rank).rev().collect()),
            expected if expected == rank => Ok(self.order.clone()),
            expected => Err(invalid(format!("expected an input of {expected} axes, got {rank}"))),
        }
    }
}

impl Kernel for Transpose {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = input.shape();
        let order = self.order(shape.len())?;
        let result = Shape::new(order.iter().map(|&axis| shape[axis]));
        let longer = |shape: &[usize]| shape.iter().filter(|&&length| length != 1).count();
        // With one long axis at most, another order of axes is only another shape.
        if longer(shape) <= 1 {
            outputs.push(input.clone().reshape(result).map_err(|error| RunError::Failed(error.to_string()))?);
            return Ok(());
        }
        let strides = strides(shape);
        let axes = order.iter().map(|&axis| Axis { length: shape[axis], steps: [strides[axis]] });
        outputs.push(View::copy(input, result, 0, axes)?);
        Ok(())
    }
}

/// The input broadcast with a shape, which is the second input.
#[derive(Debug)]
struct Expand;

pub(in crate::tabular::ops) fn prepare_expand(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, shape) = (&inputs[0], &inputs[1]);
    shape.expect(&[DType::Int64], node)?;
    let mut output = Value::new(input.dtype, None).with_rows(mixed_rows(inputs));
    if let Some(shape) = &shape.constant {
        let lengths = lengths(shape).map_err(|error| node.corrupt(error.to_string()))?;
        let dims = lengths.iter().map(|&length| Dim::Fixed(length)).collect();
        let shape = Value::new(input.dtype, Some(dims)).with_rows(Rows::Absent);
        output = super::infer::broadcast(&[input.clone(), shape]);
    }
    Ok(Prepared { kernel: Box::new(Expand), outputs: vec![output] })
}

impl Kernel for Expand {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = broadcast_shape(&[input.shape(), &lengths(inputs.get(1)?)?])?;
        if shape == *input.shape() {
            outputs.push(input.clone());
            return Ok(());
        }
        let count = room(&shape, input.dtype())?;
        let walk = Walk::broadcast([input.shape()], &shape);
        outputs.push(moved(&[input], shape, &View { walk, count })?);
        Ok(())
    }
}

/// Lengths of axes from a tensor of them.
pub(super) fn lengths(tensor: &Tensor) -> Result<Vec<usize>, RunError> {
    let lengths = elements::<i64>(tensor)?;
    let length = |&length| usize::try_from(length).map_err(|_| invalid(format!("{lengths:?} is no shape")));
    lengths.iter().map(length).collect()
}

/// The input repeated along each axis as often as the second input says (ai.onnx 6 and later).
#[derive(Debug)]
struct Tile;

pub(in crate::tabular::ops) fn prepare_tile(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, repeats) = (&inputs[0], &inputs[1]);
    repeats.expect(&[DType::Int64], node)?;
    let known = repeats.constant.as_ref().map(lengths).transpose().map_err(|error| node.corrupt(error.to_string()))?;
    let dims = input.dims.as_ref().map(|dims| match &known {
        Some(repeats) if repeats.len() == dims.len() => {
            dims.iter().zip(repeats).map(|(dim, &times)| repeated(dim, times)).collect()
        }
        _ => free_dims(dims.len()),
    });
    let once = |axis: usize| known.as_ref().is_some_and(|repeats| repeats.get(axis) == Some(&1));
    let rows = if known.is_some() { moved_rows(input, |axis| once(axis).then_some(axis)) } else { mixed_rows(inputs) };
    Ok(Prepared { kernel: Box::new(Tile), outputs: vec![Value::new(input.dtype, dims).with_rows(rows)] })
}

fn repeated(dim: &Dim, times: usize) -> Dim {
    match dim {
        Dim::Fixed(length) => length.checked_mul(times).map_or(Dim::ANY, Dim::Fixed),
        Dim::Dynamic(_) if times == 1 => dim.clone(),
        Dim::Dynamic(_) => Dim::ANY,
    }
}

impl Kernel for Tile {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let (shape, repeats) = (input.shape(), lengths(inputs.get(1)?)?);
        if repeats.len() != shape.len() {
            return Err(invalid(format!("{} repeats for an input of {} axes", repeats.len(), shape.len())));
        }
        let tiled = Shape::new(shape.iter().zip(&repeats).map(|(length, times)| length.saturating_mul(*times)));
        let strides = strides(shape);
        let axes = (0..shape.len()).flat_map(|axis| {
            let outer = Axis { length: repeats[axis], steps: [0] };
            [outer, Axis { length: shape[axis], steps: [strides[axis]] }]
        });
        outputs.push(View::copy(input, tiled, 0, axes)?);
        Ok(())
    }
}

/// Parts of some axes (ai.onnx 1 and later): attributes before operator set 10, then inputs.
#[derive(Debug)]
struct Slice {
    /// Where it is known at load.
    ranges: Option<Vec<Range>>,
}

/// Every so many entries of an axis from one on to another, as Python has it.
#[derive(Clone, Copy, Debug)]
struct Range {
    axis: i64,
    start: i64,
    end: i64,
    step: i64,
}

/// The same for an axis of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    start: usize,
    step: isize,
    length: usize,
}

pub(in crate::tabular::ops) fn prepare_slice(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let ranges = if node.version() < 10 { Some(attribute_ranges(node)?) } else { constant_ranges(node, inputs)? };
    let output = match (&ranges, &input.dims) {
        (Some(ranges), Some(dims)) => {
            let mut dims = dims.clone();
            let mut along = Vec::new();
            for range in ranges {
                let axis = known_axis(range.axis, input, node)?.unwrap_or(0);
                if let Dim::Fixed(length) = dims[axis] {
                    dims[axis] = range.among(length).map_or(Dim::ANY, |part| Dim::Fixed(part.length));
                } else {
                    dims[axis] = Dim::ANY;
                }
                along.push(axis);
            }
            let rows = moved_rows(input, |axis| (!along.contains(&axis)).then_some(axis));
            Value::new(input.dtype, Some(dims)).with_rows(rows)
        }
        (_, dims) => {
            let dims = dims.as_ref().map(|dims| free_dims(dims.len()));
            Value::new(input.dtype, dims).with_rows(mixed_rows(inputs))
        }
    };
    Ok(Prepared { kernel: Box::new(Slice { ranges }), outputs: vec![output] })
}

fn attribute_ranges(node: &Node<'_>) -> Result<Vec<Range>, LoadError> {
    let (starts, ends, axes) = (node.ints("starts")?, node.ints("ends")?, node.optional_ints("axes")?);
    ranges(starts, ends, axes, None).map_err(|error| node.corrupt(error.to_string()))
}

fn constant_ranges(node: &Node<'_>, inputs: &[Value]) -> Result<Option<Vec<Range>>, LoadError> {
    if inputs.len() < 3 {
        return Err(node.corrupt("no starts and ends"));
    }
    for input in inputs[1..].iter().filter(|input| !input.missing) {
        input.expect(&[DType::Int64, DType::Int32], node)?;
    }
    if inputs[1..].iter().any(|input| !input.missing && input.constant.is_none()) {
        return Ok(None);
    }
    let constant = |index: usize| inputs.get(index).and_then(|input| input.constant.as_ref());
    input_ranges(constant).map(Some).map_err(|error| node.corrupt(error.to_string()))
}

fn input_ranges<'a>(input: impl Fn(usize) -> Option<&'a Tensor>) -> Result<Vec<Range>, RunError> {
    let list = |index: usize| input(index).map(whole_numbers).transpose();
    let (starts, ends) = (list(1)?.unwrap_or_default(), list(2)?.unwrap_or_default());
    ranges(&starts, &ends, list(3)?.as_deref(), list(4)?.as_deref())
}

/// The elements of a tensor of `INT64` or `INT32`.
pub(super) fn whole_numbers(tensor: &Tensor) -> Result<Vec<i64>, RunError> {
    match tensor.dtype() {
        DType::Int32 => Ok(elements::<i32>(tensor)?.iter().map(|&number| number.into()).collect()),
        _ => Ok(elements::<i64>(tensor)?.to_vec()),
    }
}

fn ranges(starts: &[i64], ends: &[i64], axes: Option<&[i64]>, steps: Option<&[i64]>) -> Result<Vec<Range>, RunError> {
    let count = starts.len();
    let differs = |list: Option<&[i64]>| list.is_some_and(|list| list.len() != count);
    if ends.len() != count || differs(axes) || differs(steps) {
        return Err(invalid("starts, ends, axes and steps differ in number"));
    }
    let range = |index: usize| Range {
        axis: axes.map_or_else(|| i64::try_from(index).unwrap_or(i64::MAX), |axes| axes[index]),
        start: starts[index],
        end: ends[index],
        step: steps.map_or(1, |steps| steps[index]),
    };
    Ok((0..count).map(range).collect())
}

impl Range {
    /// As Python's `slice.indices` has it.
    fn among(self, length: usize) -> Result<Part, RunError> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let from_start = |position: i64| if position < 0 { position.saturating_add(length) } else { position };
        let (start, end) = (from_start(self.start), from_start(self.end));
        let (start, end) = match self.step {
            0 => return Err(invalid("a step of zero")),
            1.. => (start.clamp(0, length), end.clamp(0, length)),
            _ => (start.clamp(-1, length - 1), end.clamp(-1, length - 1)),
        };
        let distance = if self.step > 0 { end - start } else { start - end };
        let count = distance.max(0).unsigned_abs().div_ceil(self.step.unsigned_abs());
        let step = isize::try_from(self.step).unwrap_or(isize::MAX);
        Ok(Part { start: usize::try_from(start).unwrap_or(0), step, length: usize::try_from(count).unwrap_or(0) })
    }
}

impl Kernel for Slice {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let ranges = match &self.ranges {
            Some(ranges) => Cow::Borrowed(ranges.as_slice()),
            None => Cow::Owned(input_ranges(|index| inputs.optional(index))?),
        };
        let shape = input.shape();
        let mut parts: Vec<Part> = shape.iter().map(|&length| Part { start: 0, step: 1, length }).collect();
        for range in ranges.iter() {
            let axis = axis_among(range.axis, shape.len())?;
            parts[axis] = range.among(shape[axis])?;
        }
        outputs.push(cut(input, &parts)?);
        Ok(())
    }
}

/// A part of each axis.
fn cut(input: &Tensor, parts: &[Part]) -> Result<Tensor, RunError> {
    let strides = strides(input.shape());
    let shape = Shape::new(parts.iter().map(|part| part.length));
    if shape.element_count() == Some(0) {
        return Tensor::zeros(input.dtype(), shape).map_err(|error| RunError::Failed(error.to_string()));
    }
    let start = parts.iter().zip(&strides).map(|(part, stride)| isize_of(part.start) * stride).sum();
    // A step that is never taken may be too long to be counted.
    let axes = parts.iter().zip(&strides).map(|(part, stride)| Axis {
        length: part.length,
        steps: [if part.length > 1 { part.step * stride } else { 0 }],
    });
    View::copy(input, shape, start, axes)
}

/// Parts of one axis behind each other, one an output.
#[derive(Debug)]
struct Split {
    axis: i64,
    lengths: Lengths,
    /// The number of outputs.
    count: usize,
}

#[derive(Debug)]
enum Lengths {
    Known(Vec<usize>),
    /// Parts of one length, the last one shorter if need be.
    Equal,
    /// The second input.
    Input,
}

pub(in crate::tabular::ops) fn prepare_split(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let axis = node.int("axis")?.unwrap_or(0);
    let at = known_axis(axis, input, node)?;
    let kernel = Split { axis, lengths: Lengths::read(node, inputs)?, count: node.output_count() };
    let rows = moved_rows(input, |rows| (at.is_some() && at != Some(rows)).then_some(rows));
    let dims = |index: usize| {
        let (mut dims, at) = (input.dims.clone()?, at?);
        let length = match (&dims[at], &kernel.lengths) {
            (_, Lengths::Known(lengths)) => lengths.get(index).copied(),
            (Dim::Fixed(length), Lengths::Equal) => kernel.equal(*length).get(index).copied(),
            _ => None,
        };
        dims[at] = length.map_or(Dim::ANY, Dim::Fixed);
        Some(dims)
    };
    let outputs = (0..kernel.count).map(|index| Value::new(input.dtype, dims(index)).with_rows(rows)).collect();
    Ok(Prepared { kernel: Box::new(kernel), outputs })
}

impl Lengths {
    /// An attribute before operator set 13 (in the first one, an input as well).
    fn read(node: &Node<'_>, inputs: &[Value]) -> Result<Self, LoadError> {
        if let Some(lengths) = node.optional_ints("split")? {
            let length =
                |&length: &i64| usize::try_from(length).map_err(|_| node.corrupt(format!("a part of {length}")));
            return Ok(Self::Known(lengths.iter().map(length).collect::<Result<_, _>>()?));
        }
        let Some(input) = inputs.get(1).filter(|input| !input.missing) else { return Ok(Self::Equal) };
        input.expect(&[DType::Int64], node)?;
        let known =
            input.constant.as_ref().map(lengths).transpose().map_err(|error| node.corrupt(error.to_string()))?;
        Ok(known.map_or(Self::Input, Self::Known))
    }
}

impl Split {
    fn equal(&self, length: usize) -> Vec<usize> {
        let part = length.div_ceil(self.count.max(1));
        (0..self.count).map(|index| part.min(length.saturating_sub(index.saturating_mul(part)))).collect()
    }
}

impl Kernel for Split {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = input.shape();
        let axis = axis_among(self.axis, shape.len())?;
        let parts = match &self.lengths {
            Lengths::Known(lengths) => lengths.clone(),
            Lengths::Equal => self.equal(shape[axis]),
            Lengths::Input => lengths(inputs.get(1)?)?,
        };
        let total = parts.iter().fold(0_usize, |total, part| total.saturating_add(*part));
        if parts.len() != self.count || total != shape[axis] {
            let detail = format!("parts {parts:?} of an axis of {}, expected {} parts", shape[axis], self.count);
            return Err(invalid(detail));
        }
        let mut start = 0;
        for length in parts {
            let whole = |&length: &usize| Part { start: 0, step: 1, length };
            let mut cuts: Vec<Part> = shape.iter().map(whole).collect();
            cuts[axis] = Part { start, step: 1, length };
            outputs.push(cut(input, &cuts)?);
            start += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_python() {
        let part = |start: i64, end: i64, step: i64| {
            let part = Range { axis: 0, start, end, step }.among(5).unwrap();
            (part.start, part.length)
        };
        assert_eq!(part(1, 3, 1), (1, 2));
        assert_eq!(part(-2, i64::MAX, 1), (3, 2));
        assert_eq!(part(0, 5, 2), (0, 3));
        assert_eq!(part(-1, i64::MIN, -1), (4, 5));
        assert_eq!(part(i64::MAX, 0, -2), (4, 2));
        assert_eq!(part(3, 1, 1), (3, 0));
        assert_eq!(part(i64::MIN, i64::MAX, i64::MAX), (0, 1));
        assert_eq!(part(i64::MAX, i64::MIN, i64::MIN), (4, 1));
        assert!(Range { axis: 0, start: 0, end: 1, step: 0 }.among(5).is_err());
        assert_eq!(Range { axis: 0, start: -1, end: i64::MIN, step: -1 }.among(0).unwrap().length, 0);
    }
}
