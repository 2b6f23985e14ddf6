//! Operators that cut parts out of a tensor: `Slice` and `Split`.

use std::borrow::Cow;

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::infer::{axis_among, free_dims, known_axis, mixed_rows, moved_rows};
use super::views::{View, lengths, whole_numbers};
use super::walk::{Axis, isize_of, strides};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid};
use crate::tabular::node::Node;

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
