//! Operators that pick elements by their positions: `Gather`, `GatherElements`, `GatherND`, `Compress`.
//!
//! A position below zero counts from the end. A position outside of its axis is refused.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::cells::{Movement, moved};
use super::infer::{axis_among, known_axis, mixed_rows};
use super::views::whole_numbers;
use super::walk::strides;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Runs of elements of one length, one from each offset.
struct Picks {
    offsets: Vec<usize>,
    run: usize,
}

impl Movement for Picks {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let Some(from) = tensors.first() else { return Ok(Vec::new()) };
        let mut picked = Vec::with_capacity(self.offsets.len() * self.run);
        for &offset in &self.offsets {
            picked.extend_from_slice(&from[offset..offset + self.run]);
        }
        Ok(picked)
    }
}

fn empty(dtype: DType, shape: Shape) -> Result<Tensor, RunError> {
    Tensor::zeros(dtype, shape).map_err(|error| RunError::Failed(error.to_string()))
}

/// A position within an axis, which may count from its end.
pub(super) fn position(position: i64, length: usize) -> Result<usize, RunError> {
    let from_end = if position < 0 { i64::try_from(length).unwrap_or(i64::MAX) } else { 0 };
    let found = position.checked_add(from_end).and_then(|position| usize::try_from(position).ok());
    let outside = || invalid(format!("position {position} is not among {length}"));
    found.filter(|&found| found < length).ok_or_else(outside)
}

pub(super) fn expect_positions(positions: &Value, node: &Node<'_>) -> Result<(), LoadError> {
    positions.expect(&[DType::Int64, DType::Int32], node)
}

/// Entries of one axis, at the positions in the second input, whose axes take the place of that axis.
#[derive(Debug)]
struct Gather {
    axis: i64,
}

pub(in crate::tabular::ops) fn prepare_gather(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, positions) = (&inputs[0], &inputs[1]);
    expect_positions(positions, node)?;
    let axis = node.int("axis")?.unwrap_or(0);
    let kernel = Box::new(Gather { axis });
    let (Some(at), Some(dims), Some(chosen)) = (known_axis(axis, input, node)?, &input.dims, &positions.dims) else {
        let output = Value::new(input.dtype, None).with_rows(mixed_rows(inputs));
        return Ok(Prepared { kernel, outputs: vec![output] });
    };
    let rows = match (input.rows(), positions.rows()) {
        (Rows::Absent, Rows::Absent) => Rows::Absent,
        (Rows::Absent, Rows::Along(axis)) => Rows::Along(at + axis),
        (Rows::Along(axis), Rows::Absent) if axis < at => Rows::Along(axis),
        (Rows::Along(axis), Rows::Absent) if axis > at => Rows::Along(axis + chosen.len() - 1),
        _ => Rows::Mixed,
    };
    let dims = [&dims[..at], chosen, &dims[at + 1..]].concat();
    Ok(Prepared { kernel, outputs: vec![Value::new(input.dtype, Some(dims)).with_rows(rows)] })
}

impl Kernel for Gather {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, positions) = (inputs.get(0)?, inputs.get(1)?);
        let old = input.shape();
        let axis = axis_among(self.axis, old.len())?;
        let new = old[..axis].iter().chain(positions.shape().iter()).chain(&old[axis + 1..]);
        let shape = Shape::new(new.copied());
        let chosen = whole_numbers(positions)?;
        let chosen: Vec<usize> = chosen.iter().map(|&at| position(at, old[axis])).collect::<Result<_, _>>()?;
        if room(&shape, input.dtype())? == 0 {
            outputs.push(empty(input.dtype(), shape)?);
            return Ok(());
        }
        let (before, run): (usize, usize) = (old[..axis].iter().product(), old[axis + 1..].iter().product());
        let starts = (0..before).map(|index| index * old[axis]);
        let offsets = starts.flat_map(|start| chosen.iter().map(move |at| (start + at) * run)).collect();
        outputs.push(moved(&[input], shape, &Picks { offsets, run })?);
        Ok(())
    }
}

/// For each element of the second input the one at that position of the axis, and at its own place along the others.
#[derive(Debug)]
struct GatherElements {
    axis: i64,
}

pub(in crate::tabular::ops) fn prepare_elements(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, positions) = (&inputs[0], &inputs[1]);
    expect_positions(positions, node)?;
    let axis = node.int("axis")?.unwrap_or(0);
    let at = known_axis(axis, input, node)?;
    let rows = match (input.rows(), positions.rows()) {
        (Rows::Absent, rows)
            if rows == Rows::Absent || at == Some(0) && rows == Rows::Along(0) && input.rank() == Some(1) =>
        {
            rows
        }
        (Rows::Along(left), Rows::Along(right)) if left == right && at.is_some_and(|at| at != left) => {
            Rows::Along(left)
        }
        _ => Rows::Mixed,
    };
    let output = Value::new(input.dtype, positions.dims.clone()).with_rows(rows);
    Ok(Prepared { kernel: Box::new(GatherElements { axis }), outputs: vec![output] })
}

/// Offsets of the elements that `positions` names along an axis of a tensor of another shape.
pub(super) fn offsets_along(shape: &Shape, axis: usize, positions: &Tensor) -> Result<Vec<usize>, RunError> {
    let own = positions.shape();
    let fits = |other: usize| other == axis || own[other] <= shape[other];
    if own.len() != shape.len() || !(0..own.len()).all(fits) {
        return Err(invalid(format!("positions of shape {own} for a tensor of shape {shape}")));
    }
    let steps = strides(shape);
    let mut place = vec![0_usize; own.len()];
    let mut offsets = Vec::with_capacity(positions.len());
    for at in whole_numbers(positions)? {
        let at = position(at, shape[axis])?;
        let along = |each: usize| if each == axis { at } else { place[each] };
        offsets.push((0..own.len()).map(|each| along(each) * steps[each].cast_unsigned()).sum());
        advance(&mut place, own);
    }
    Ok(offsets)
}

/// The next place in row-major order.
fn advance(place: &mut [usize], shape: &[usize]) {
    for axis in (0..place.len()).rev() {
        place[axis] += 1;
        if place[axis] < shape[axis] {
            return;
        }
        place[axis] = 0;
    }
}

impl Kernel for GatherElements {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, positions) = (inputs.get(0)?, inputs.get(1)?);
        let axis = axis_among(self.axis, input.shape().len())?;
        room(positions.shape(), input.dtype())?;
        let offsets = offsets_along(input.shape(), axis, positions)?;
        outputs.push(moved(&[input], positions.shape().clone(), &Picks { offsets, run: 1 })?);
        Ok(())
    }
}

/// For each tuple along the last axis of the second input what lies at these positions of the first axes, behind the
/// `batch_dims` that both have in common.
#[derive(Debug)]
struct GatherNd {
    batch: usize,
}

pub(in crate::tabular::ops) fn prepare_nd(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, positions) = (&inputs[0], &inputs[1]);
    expect_positions(positions, node)?;
    let batch = node.int("batch_dims")?.unwrap_or(0);
    let batch = usize::try_from(batch).map_err(|_| node.corrupt(format!("{batch} axes in common")))?;
    let dims = nd_dims(input, positions, batch);
    let rows = match (input.rows(), positions.rows()) {
        (Rows::Absent, Rows::Absent) => Rows::Absent,
        (Rows::Absent, Rows::Along(axis)) if positions.rank().is_some_and(|rank| axis + 1 < rank) && batch == 0 => {
            Rows::Along(axis)
        }
        (Rows::Along(left), Rows::Along(right)) if left == right && left < batch => Rows::Along(left),
        _ => Rows::Mixed,
    };
    let rows = if dims.is_some() || rows == Rows::Absent { rows } else { Rows::Mixed };
    let output = Value::new(input.dtype, dims).with_rows(rows);
    Ok(Prepared { kernel: Box::new(GatherNd { batch }), outputs: vec![output] })
}

fn nd_dims(input: &Value, positions: &Value, batch: usize) -> Option<Vec<Dim>> {
    let (last, places) = positions.dims.as_deref()?.split_last()?;
    let Dim::Fixed(depth) = last else { return None };
    let rest = input.dims.as_deref()?.get(batch.checked_add(*depth)?..)?;
    Some([places, rest].concat())
}

/// Tuples of positions along the last axis of one tensor, which name what lies in another.
pub(super) struct Tuples<'a> {
    positions: &'a Tensor,
    /// The shape of the tensor that they are about.
    shape: &'a Shape,
    batch: usize,
    /// Behind the axes that the positions are of.
    end: usize,
}

impl<'a> Tuples<'a> {
    pub(super) fn new(shape: &'a Shape, positions: &'a Tensor, batch: usize) -> Result<Self, RunError> {
        let own = positions.shape();
        let end = own.last().and_then(|depth| batch.checked_add(*depth)).filter(|&end| end <= shape.len());
        match end {
            Some(end) if batch < own.len() && own[..batch] == shape[..batch] => {
                Ok(Self { positions, shape, batch, end })
            }
            _ => Err(invalid(format!("positions of shape {own} for a tensor of shape {shape}"))),
        }
    }

    /// The axes of the tuples, without the one within each.
    fn places(&self) -> &[usize] {
        &self.positions.shape()[..self.positions.shape().len() - 1]
    }

    /// The shape of all that is named.
    pub(super) fn named_shape(&self) -> Shape {
        Shape::new(self.places().iter().chain(&self.shape[self.end..]).copied())
    }

    /// Elements that lie at one place.
    pub(super) fn run(&self) -> usize {
        self.shape[self.end..].iter().product()
    }

    /// Where each of them begins. What is named must have been found to be something, and to have room.
    pub(super) fn offsets(&self) -> Result<Vec<usize>, RunError> {
        let steps: Vec<usize> = strides(self.shape).into_iter().map(isize::cast_unsigned).collect();
        let places: usize = self.places().iter().product();
        let batches: usize = self.shape[..self.batch].iter().product();
        let per_batch = places.checked_div(batches).unwrap_or(0);
        let batch_step: usize = self.shape[self.batch..].iter().product();
        let (numbers, depth) = (whole_numbers(self.positions)?, self.end - self.batch);
        let offset = |place: usize| {
            let tuple = &numbers[place * depth..(place + 1) * depth];
            let start = place.checked_div(per_batch).unwrap_or(0) * batch_step;
            let mut axes = (self.batch..self.end).zip(tuple);
            axes.try_fold(start, |offset, (axis, &at)| Ok(offset + position(at, self.shape[axis])? * steps[axis]))
        };
        (0..places).map(offset).collect()
    }
}

impl Kernel for GatherNd {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, positions) = (inputs.get(0)?, inputs.get(1)?);
        let tuples = Tuples::new(input.shape(), positions, self.batch)?;
        let shape = tuples.named_shape();
        outputs.push(if room(&shape, input.dtype())? == 0 {
            empty(input.dtype(), shape)?
        } else {
            moved(&[input], shape, &Picks { offsets: tuples.offsets()?, run: tuples.run() })?
        });
        Ok(())
    }
}

/// The entries of an axis at whose places the second input is true; without an axis, of all elements in a row.
#[derive(Debug)]
struct Compress {
    axis: Option<i64>,
}

pub(in crate::tabular::ops) fn prepare_compress(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    inputs[1].expect(&[DType::Bool], node)?;
    let axis = node.int("axis")?;
    let at = axis.map(|axis| known_axis(axis, input, node)).transpose()?.flatten();
    let mut dims = if axis.is_some() { input.dims.clone() } else { Some(vec![Dim::ANY]) };
    if let (Some(dims), Some(at)) = (&mut dims, at) {
        dims[at] = Dim::ANY;
    }
    let rows = match (input.rows(), inputs[1].rows()) {
        (Rows::Along(rows), Rows::Absent) if at.is_some_and(|at| at != rows) => Rows::Along(rows),
        _ => mixed_rows(inputs),
    };
    Ok(Prepared { kernel: Box::new(Compress { axis }), outputs: vec![Value::new(input.dtype, dims).with_rows(rows)] })
}

impl Kernel for Compress {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, truths) = (inputs.get(0)?, elements::<bool>(inputs.get(1)?)?);
        let flat = Shape::new([input.len()]);
        let old = if self.axis.is_some() { input.shape() } else { &flat };
        let axis = axis_among(self.axis.unwrap_or(0), old.len())?;
        let chosen: Vec<usize> = (0..truths.len()).filter(|&at| truths[at]).collect();
        if let Some(outside) = chosen.last().filter(|&&last| last >= old[axis]) {
            return Err(invalid(format!("position {outside} is not among {}", old[axis])));
        }
        let new = old.iter().enumerate().map(|(each, &length)| if each == axis { chosen.len() } else { length });
        let shape = Shape::new(new);
        if room(&shape, input.dtype())? == 0 {
            outputs.push(empty(input.dtype(), shape)?);
            return Ok(());
        }
        let (before, run): (usize, usize) = (old[..axis].iter().product(), old[axis + 1..].iter().product());
        let starts = (0..before).map(|index| index * old[axis]);
        let offsets = starts.flat_map(|start| chosen.iter().map(move |at| (start + at) * run)).collect();
        outputs.push(moved(&[input], shape, &Picks { offsets, run })?);
        Ok(())
    }
}
