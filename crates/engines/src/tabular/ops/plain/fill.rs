//! Operators that make tensors of nothing but a value and a shape: `Constant`, `ConstantOfShape`, `Range`, `OneHot`.

use std::marker::PhantomData;

use bytes::Bytes;
use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::cells::{Movement, moved};
use super::infer::{axis_among, free_dims, mixed_rows, moved_rows};
use super::number::Number;
use super::views::lengths;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// A value of the file.
#[derive(Debug)]
struct Constant {
    value: Tensor,
}

/// One of the attributes of `Constant` (since operator set 12 there are several).
pub(in crate::tabular::ops) fn prepare_constant(node: &Node<'_>, _: &[Value]) -> Result<Prepared, LoadError> {
    let value = constant(node)?.ok_or_else(|| node.corrupt("no value"))?;
    let output = Value::constant(value.clone());
    Ok(Prepared { kernel: Box::new(Constant { value }), outputs: vec![output] })
}

fn constant(node: &Node<'_>) -> Result<Option<Tensor>, LoadError> {
    if let Some(value) = node.tensor("value")? {
        return Ok(Some(value));
    }
    let (one, many) = (Shape::scalar(), |count: usize| Shape::new([count]));
    let strings = |texts: &[Bytes]| texts.iter().map(|text| Bytes::copy_from_slice(text)).collect::<Vec<_>>();
    let value = if let Some(value) = node.float("value_float")? {
        Tensor::from_vec(one, vec![value])
    } else if let Some(value) = node.int("value_int")? {
        Tensor::from_vec(one, vec![value])
    } else if let Some(value) = node.text("value_string")? {
        Tensor::from_strings(one, vec![value.to_owned()])
    } else if let Some(values) = node.optional_ints("value_ints")? {
        Tensor::from_vec(many(values.len()), values.to_vec())
    } else if let values @ [_, ..] = node.floats("value_floats")? {
        Tensor::from_vec(many(values.len()), values.to_vec())
    } else if let values @ [_, ..] = node.strings("value_strings")? {
        Tensor::from_strings(many(values.len()), strings(values))
    } else {
        return Ok(None);
    };
    value.map(Some).map_err(|error| node.corrupt(error.to_string()))
}

impl Kernel for Constant {
    fn run(&self, _: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        outputs.push(self.value.clone());
        Ok(())
    }
}

/// One element, as often as a shape has it.
struct Fill {
    count: usize,
}

impl Movement for Fill {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        match tensors {
            [[element]] => Ok(vec![element.clone(); self.count]),
            _ => Err(RunError::Failed("expected one element".to_owned())),
        }
    }
}

/// A tensor of the shape that the input is, every element of one value.
#[derive(Debug)]
struct ConstantOfShape {
    value: Tensor,
}

pub(in crate::tabular::ops) fn prepare_constant_of_shape(
    node: &Node<'_>,
    inputs: &[Value],
) -> Result<Prepared, LoadError> {
    let shape = &inputs[0];
    shape.expect(&[DType::Int64], node)?;
    let value = match node.tensor("value")? {
        Some(value) if value.len() == 1 => value,
        Some(value) => return Err(node.corrupt(format!("{} elements as value, expected one", value.len()))),
        None => tensor(Shape::new([1]), vec![0.0_f32]).map_err(|error| node.corrupt(error.to_string()))?,
    };
    let output = match &shape.lengths_of {
        // One element like the other: what stands in the rows of the one stands in those of the other.
        Some(other) => Value::new(value.dtype(), other.dims.clone()).with_rows(other.rows()),
        None => Value::new(value.dtype(), shape.length_of_shape().map(free_dims)).with_rows(mixed_rows(inputs)),
    };
    Ok(Prepared { kernel: Box::new(ConstantOfShape { value }), outputs: vec![output] })
}

impl Kernel for ConstantOfShape {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let shape = Shape::new(lengths(inputs.get(0)?)?);
        let count = room(&shape, self.value.dtype())?;
        outputs.push(moved(&[&self.value], shape, &Fill { count })?);
        Ok(())
    }
}

/// Numbers from `start` on, `delta` apart, as long as they are before `limit`.
#[derive(Debug)]
struct Range<T>(PhantomData<fn() -> T>);

pub(in crate::tabular::ops) fn prepare_range(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let dtype = inputs[0].dtype;
    for input in inputs {
        input.expect(&[dtype], node)?;
    }
    let kernel: Box<dyn Kernel> = match dtype {
        DType::Fp32 => Box::new(Range::<f32>(PhantomData)),
        DType::Fp64 => Box::new(Range::<f64>(PhantomData)),
        DType::Int64 => Box::new(Range::<i64>(PhantomData)),
        DType::Int32 => Box::new(Range::<i32>(PhantomData)),
        other => return Err(node.unsupported(format!("elements of {other}"))),
    };
    let output = Value::new(dtype, Some(vec![Dim::ANY])).with_rows(mixed_rows(inputs));
    Ok(Prepared { kernel, outputs: vec![output] })
}

impl<T: Number> Kernel for Range<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let only = |index: usize| match elements::<T>(inputs.get(index)?)? {
            [only] => Ok(*only),
            several => Err(invalid(format!("{} elements for input {index}, expected one", several.len()))),
        };
        let (start, limit, delta) = (only(0)?, only(1)?, only(2)?);
        let steps = (limit.to_f64() - start.to_f64()) / delta.to_f64();
        if steps.is_nan() {
            return Err(invalid("start, limit and delta are no range"));
        }
        // Too many for a tensor are too many for this conversion, too.
        let count = usize::try_from(i64::from_f64(steps.ceil().max(0.0))).unwrap_or(usize::MAX);
        let shape = Shape::new([count]);
        let mut numbers = Vec::with_capacity(room(&shape, T::DTYPE)?);
        let mut number = start;
        for _ in 0..count {
            numbers.push(number);
            number = number.plus(delta);
        }
        outputs.push(tensor(shape, numbers)?);
        Ok(())
    }
}

/// Along a new axis of the length in the second input, `values[1]` at the position of the first and `values[0]`
/// elsewhere; where there is no such position, everywhere.
#[derive(Debug)]
struct OneHot {
    axis: i64,
}

pub(in crate::tabular::ops) fn prepare_one_hot(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    const NUMBERS: [DType; 4] = [DType::Fp32, DType::Fp64, DType::Int64, DType::Int32];
    let (positions, depth, values) = (&inputs[0], &inputs[1], &inputs[2]);
    positions.expect(&NUMBERS, node)?;
    depth.expect(&NUMBERS, node)?;
    let axis = node.int("axis")?.unwrap_or(-1);
    let known =
        depth.constant.as_ref().and_then(|depth| only_number(depth).ok()).and_then(|depth| usize::try_from(depth).ok());
    let at = positions.rank().map(|rank| axis_among(axis, rank + 1)).transpose();
    let at = at.map_err(|error| node.corrupt(error.to_string()))?;
    let dims = positions.dims.clone().zip(at).map(|(mut dims, at)| {
        dims.insert(at, known.map_or(Dim::ANY, Dim::Fixed));
        dims
    });
    let same = depth.rows() == Rows::Absent && values.rows() == Rows::Absent;
    let rows = moved_rows(positions, |rows| at.filter(|_| same).map(|at| if at <= rows { rows + 1 } else { rows }));
    let rows = if same { rows } else { mixed_rows(inputs) };
    Ok(Prepared { kernel: Box::new(OneHot { axis }), outputs: vec![Value::new(values.dtype, dims).with_rows(rows)] })
}

/// The elements of a tensor of numbers, cut off to integers.
fn integers(tensor: &Tensor) -> Result<Vec<i64>, RunError> {
    fn all<T: Number>(tensor: &Tensor) -> Result<Vec<i64>, RunError> {
        Ok(elements::<T>(tensor)?.iter().map(|number| i64::from_f64(number.to_f64())).collect())
    }
    match tensor.dtype() {
        DType::Fp32 => all::<f32>(tensor),
        DType::Fp64 => all::<f64>(tensor),
        DType::Int32 => all::<i32>(tensor),
        _ => Ok(elements::<i64>(tensor)?.to_vec()),
    }
}

fn only_number(tensor: &Tensor) -> Result<i64, RunError> {
    match integers(tensor)?.as_slice() {
        [only] => Ok(*only),
        several => Err(invalid(format!("{} elements for a length, expected one", several.len()))),
    }
}

/// For each place among the others the position along the new axis, if there is one.
struct Hot {
    positions: Vec<Option<usize>>,
    depth: usize,
    /// Elements within the new axis.
    within: usize,
}

impl Movement for Hot {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let [[off, on]] = tensors else { return Err(invalid("expected two values, for off and on")) };
        let mut hot = vec![off.clone(); self.positions.len() * self.depth];
        for (place, position) in self.positions.iter().enumerate() {
            if let Some(position) = position {
                let (outer, inner) = (place / self.within, place % self.within);
                hot[(outer * self.depth + position) * self.within + inner] = on.clone();
            }
        }
        Ok(hot)
    }
}

impl Kernel for OneHot {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, values) = (inputs.get(0)?, inputs.get(2)?);
        let depth = only_number(inputs.get(1)?)?;
        let length = usize::try_from(depth).map_err(|_| invalid(format!("an axis of length {depth}")))?;
        let axis = axis_among(self.axis, input.shape().len() + 1)?;
        let mut lengths = input.shape().to_vec();
        lengths.insert(axis, length);
        let shape = Shape::new(lengths);
        if room(&shape, values.dtype())? == 0 {
            outputs.push(Tensor::zeros(values.dtype(), shape).map_err(|error| RunError::Failed(error.to_string()))?);
            return Ok(());
        }
        let position = |at: i64| usize::try_from(if at < 0 { at.saturating_add(depth) } else { at }).ok();
        let positions = integers(input)?.into_iter().map(|at| position(at).filter(|&at| at < length)).collect();
        let within = input.shape()[axis..].iter().product();
        outputs.push(moved(&[values], shape, &Hot { positions, depth: length, within })?);
        Ok(())
    }
}
