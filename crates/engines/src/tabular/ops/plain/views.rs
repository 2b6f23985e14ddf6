//! Operators whose result is a look at their input in another order: `Transpose`, `Expand`, `Tile`.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::cells::{Movement, moved};
use super::infer::{free_dims, mixed_rows, moved_rows};
use super::walk::{Axis, Walk, broadcast_shape, strides};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Elements in the order of a walk.
pub(super) struct View {
    walk: Walk<1>,
    count: usize,
}

impl View {
    /// Copies what a walk over these axes sees of a tensor.
    pub(super) fn copy(
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

/// The elements of a tensor of `INT64` or `INT32`.
pub(super) fn whole_numbers(tensor: &Tensor) -> Result<Vec<i64>, RunError> {
    match tensor.dtype() {
        DType::Int32 => Ok(elements::<i32>(tensor)?.iter().map(|&number| number.into()).collect()),
        _ => Ok(elements::<i64>(tensor)?.to_vec()),
    }
}
