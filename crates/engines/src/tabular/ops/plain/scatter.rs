//! `ScatterElements` (and `Scatter`, its old name) and `ScatterND`: a tensor with some elements replaced, or joined with
//! others as the attribute `reduction` says (ai.onnx 16 and 18).

use loadonce_core::{DType, LoadError, RunError, Tensor};

use super::cells::{Movement, moved};
use super::gather::{Tuples, expect_positions, offsets_along};
use super::infer::{axis_among, known_axis, mixed_rows};
use super::number::Number;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Updates, the third input, go where the second says.
#[derive(Debug)]
struct Scatter {
    place: Place,
    reduction: Reduction,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Each position is one along this axis (`ScatterElements`).
    Along(i64),
    /// Each tuple of positions is one along the first axes (`ScatterND`).
    Tuples,
}

#[derive(Clone, Copy, Debug)]
enum Reduction {
    Replace,
    Add,
    Multiply,
    Least,
    Greatest,
}

pub(in crate::tabular::ops) fn prepare_elements(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let axis = node.int("axis")?.unwrap_or(0);
    known_axis(axis, &inputs[0], node)?;
    prepare(node, inputs, Place::Along(axis))
}

pub(in crate::tabular::ops) fn prepare_nd(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    prepare(node, inputs, Place::Tuples)
}

fn prepare(node: &Node<'_>, inputs: &[Value], place: Place) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    expect_positions(&inputs[1], node)?;
    inputs[2].expect(&[input.dtype], node)?;
    let reduction = Reduction::read(node)?;
    if !matches!(reduction, Reduction::Replace) {
        input.expect(&[DType::Fp32, DType::Fp64, DType::Int64, DType::Int32], node)?;
    }
    let output = Value::new(input.dtype, input.dims.clone()).with_rows(mixed_rows(inputs));
    Ok(Prepared { kernel: Box::new(Scatter { place, reduction }), outputs: vec![output] })
}

impl Reduction {
    fn read(node: &Node<'_>) -> Result<Self, LoadError> {
        match node.text("reduction")?.unwrap_or("none") {
            "none" => Ok(Self::Replace),
            "add" => Ok(Self::Add),
            "mul" => Ok(Self::Multiply),
            "min" => Ok(Self::Least),
            "max" => Ok(Self::Greatest),
            other => Err(node.unsupported(format!("reduction '{other}'"))),
        }
    }

    fn join<T: Number>(self, old: T, new: T) -> T {
        match self {
            Self::Replace => new,
            Self::Add => old.plus(new),
            Self::Multiply => old.times(new),
            Self::Least => old.lesser(new),
            Self::Greatest => old.greater(new),
        }
    }
}

/// Runs of updates, one to each offset.
struct Updates {
    offsets: Vec<usize>,
    run: usize,
}

impl Updates {
    fn of(place: Place, input: &Tensor, positions: &Tensor, updates: &Tensor) -> Result<Self, RunError> {
        let shape = input.shape();
        let (named, found) = match place {
            Place::Along(axis) => {
                let axis = axis_among(axis, shape.len())?;
                (positions.shape().clone(), Self { offsets: offsets_along(shape, axis, positions)?, run: 1 })
            }
            Place::Tuples => {
                let tuples = Tuples::new(shape, positions, 0)?;
                let named = tuples.named_shape();
                let offsets = if room(&named, input.dtype())? == 0 { Vec::new() } else { tuples.offsets()? };
                (named, Self { offsets, run: tuples.run() })
            }
        };
        if named == *updates.shape() {
            return Ok(found);
        }
        Err(invalid(format!("updates of shape {} for positions of shape {}", updates.shape(), positions.shape())))
    }

    fn join<T: Number>(&self, input: &Tensor, updates: &Tensor, reduction: Reduction) -> Result<Tensor, RunError> {
        let mut result = elements::<T>(input)?.to_vec();
        let updates = elements::<T>(updates)?.chunks_exact(self.run.max(1));
        for (&offset, update) in self.offsets.iter().zip(updates) {
            for (old, &new) in result[offset..].iter_mut().zip(update) {
                *old = reduction.join(*old, new);
            }
        }
        tensor(input.shape().clone(), result)
    }
}

impl Movement for Updates {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let [input, updates] = tensors else { return Err(RunError::Failed("expected two tensors".to_owned())) };
        let mut result = input.to_vec();
        for (&offset, update) in self.offsets.iter().zip(updates.chunks_exact(self.run.max(1))) {
            result[offset..offset + self.run].clone_from_slice(update);
        }
        Ok(result)
    }
}

impl Kernel for Scatter {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, positions, new) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        let updates = Updates::of(self.place, input, positions, new)?;
        outputs.push(match (self.reduction, input.dtype()) {
            (Reduction::Replace, _) => moved(&[input, new], input.shape().clone(), &updates)?,
            (reduction, DType::Fp32) => updates.join::<f32>(input, new, reduction)?,
            (reduction, DType::Fp64) => updates.join::<f64>(input, new, reduction)?,
            (reduction, DType::Int64) => updates.join::<i64>(input, new, reduction)?,
            (reduction, _) => updates.join::<i32>(input, new, reduction)?,
        });
        Ok(())
    }
}
