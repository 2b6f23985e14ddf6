//! Operators that change the axes and not the elements, and those that tell of the axes: `Squeeze`, `Unsqueeze`,
//! `Flatten`, `Shape`, `Size`.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::infer::{axis_among, mixed_rows, moved_rows};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Which axes an operator is about: an attribute before operator set 13, then the second input.
#[derive(Clone, Debug)]
enum Axes {
    Known(Vec<i64>),
    /// All that are of length one.
    Ones,
    Input,
}

impl Axes {
    fn read(node: &Node<'_>, inputs: &[Value]) -> Result<Self, LoadError> {
        if node.version() < 13 {
            return Ok(node.optional_ints("axes")?.map_or(Self::Ones, |axes| Self::Known(axes.to_vec())));
        }
        let Some(axes) = inputs.get(1).filter(|axes| !axes.missing) else { return Ok(Self::Ones) };
        axes.expect(&[DType::Int64], node)?;
        let Some(known) = &axes.constant else { return Ok(Self::Input) };
        let known = known.as_slice::<i64>().map_err(|error| node.corrupt(error.to_string()))?;
        Ok(Self::Known(known.to_vec()))
    }

    fn among(&self, inputs: &Inputs<'_>, rank: usize) -> Result<Option<Vec<usize>>, RunError> {
        match self {
            Self::Known(axes) => distinct(axes, rank).map(Some),
            Self::Ones => Ok(None),
            Self::Input => distinct(elements(inputs.get(1)?)?, rank).map(Some),
        }
    }
}

fn distinct(axes: &[i64], rank: usize) -> Result<Vec<usize>, RunError> {
    let mut found: Vec<usize> = axes.iter().map(|&axis| axis_among(axis, rank)).collect::<Result<_, _>>()?;
    found.sort_unstable();
    found.dedup();
    if found.len() == axes.len() { Ok(found) } else { Err(invalid(format!("an axis is named twice in {axes:?}"))) }
}

fn reshaped(input: &Tensor, shape: Shape) -> Result<Tensor, RunError> {
    input.clone().reshape(shape).map_err(|error| RunError::Failed(error.to_string()))
}

/// Without some axes of length one.
#[derive(Debug)]
struct Squeeze {
    axes: Axes,
}

pub(in crate::tabular::ops) fn prepare_squeeze(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let axes = Axes::read(node, inputs)?;
    let gone: Option<Vec<usize>> = match (&axes, &input.dims) {
        (Axes::Known(axes), Some(dims)) => {
            Some(distinct(axes, dims.len()).map_err(|error| node.corrupt(error.to_string()))?)
        }
        (Axes::Ones, Some(dims)) if dims.iter().all(|dim| matches!(dim, Dim::Fixed(_))) => {
            Some((0..dims.len()).filter(|&axis| dims[axis] == Dim::Fixed(1)).collect())
        }
        _ => None,
    };
    let output = match (gone, &input.dims) {
        (Some(gone), Some(dims)) => {
            let left = dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
            let rows = super::reduce::reduced_rows(input, &gone, false);
            Value::new(input.dtype, Some(left.map(|(_, dim)| dim.clone()).collect())).with_rows(rows)
        }
        _ => Value::new(input.dtype, None).with_rows(mixed_rows(inputs)),
    };
    Ok(Prepared { kernel: Box::new(Squeeze { axes }), outputs: vec![output] })
}

impl Kernel for Squeeze {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = input.shape();
        let axes = self.axes.among(inputs, shape.len())?;
        if let Some(axis) = axes.iter().flatten().find(|&&axis| shape[axis] != 1) {
            return Err(invalid(format!("axis {axis} of shape {shape} is not of length one")));
        }
        let gone = |axis: usize| axes.as_ref().map_or(shape[axis] == 1, |axes| axes.contains(&axis));
        let left = (0..shape.len()).filter(|&axis| !gone(axis)).map(|axis| shape[axis]);
        outputs.push(reshaped(input, Shape::new(left))?);
        Ok(())
    }
}

/// With further axes of length one, whose positions are those in the result.
#[derive(Debug)]
struct Unsqueeze {
    axes: Axes,
}

pub(in crate::tabular::ops) fn prepare_unsqueeze(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let axes = Axes::read(node, inputs)?;
    let output = match (&axes, &input.dims) {
        (Axes::Ones, _) => return Err(node.corrupt("no axes")),
        (Axes::Known(axes), Some(dims)) => {
            let new = distinct(axes, dims.len() + axes.len()).map_err(|error| node.corrupt(error.to_string()))?;
            let places = old_places(&new, dims.len());
            let mut unsqueezed = vec![Dim::Fixed(1); places.len() + new.len()];
            for (&place, dim) in places.iter().zip(dims) {
                unsqueezed[place] = dim.clone();
            }
            let rows = moved_rows(input, |axis| places.get(axis).copied());
            Value::new(input.dtype, Some(unsqueezed)).with_rows(rows)
        }
        _ => Value::new(input.dtype, None).with_rows(mixed_rows(inputs)),
    };
    Ok(Prepared { kernel: Box::new(Unsqueeze { axes }), outputs: vec![output] })
}

/// Where the axes that were there go, beside the new ones.
fn old_places(new: &[usize], rank: usize) -> Vec<usize> {
    (0..rank + new.len()).filter(|axis| !new.contains(axis)).collect()
}

impl Kernel for Unsqueeze {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = input.shape();
        let count = match &self.axes {
            Axes::Known(axes) => axes.len(),
            _ => inputs.get(1)?.len(),
        };
        let new = self.axes.among(inputs, shape.len() + count)?.unwrap_or_default();
        let mut lengths = vec![1; shape.len() + new.len()];
        for (place, &length) in old_places(&new, shape.len()).into_iter().zip(shape.iter()) {
            lengths[place] = length;
        }
        outputs.push(reshaped(input, Shape::new(lengths))?);
        Ok(())
    }
}

/// The axes before one as rows, the others as columns.
#[derive(Debug)]
struct Flatten {
    axis: i64,
}

pub(in crate::tabular::ops) fn prepare_flatten(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let kernel = Flatten { axis: node.int("axis")?.unwrap_or(1) };
    let output = match &input.dims {
        Some(dims) => {
            let at = kernel.among(dims.len()).map_err(|error| node.corrupt(error.to_string()))?;
            let rows = moved_rows(input, |axis| (axis == 0 && at == 1).then_some(0));
            Value::new(input.dtype, Some(vec![product(&dims[..at]), product(&dims[at..])])).with_rows(rows)
        }
        None => Value::new(input.dtype, Some(vec![Dim::ANY, Dim::ANY])).with_rows(mixed_rows(inputs)),
    };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

fn product(dims: &[Dim]) -> Dim {
    if let [only] = dims {
        return only.clone();
    }
    let lengths = dims.iter().map(|dim| if let Dim::Fixed(length) = dim { Some(*length) } else { None });
    let product = lengths.into_iter().try_fold(1_usize, |product, length| product.checked_mul(length?));
    product.map_or(Dim::ANY, Dim::Fixed)
}

impl Flatten {
    /// The axis may also be the end.
    fn among(&self, rank: usize) -> Result<usize, RunError> {
        if usize::try_from(self.axis) == Ok(rank) { Ok(rank) } else { axis_among(self.axis, rank) }
    }
}

impl Kernel for Flatten {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let at = self.among(input.shape().len())?;
        let product = |lengths: &[usize]| Shape::from(lengths).element_count();
        let shape = product(&input.shape()[..at]).zip(product(&input.shape()[at..]));
        let (rows, columns) = shape.ok_or_else(|| invalid(format!("shape {} is too large", input.shape())))?;
        outputs.push(reshaped(input, Shape::new([rows, columns]))?);
        Ok(())
    }
}

/// The lengths of some axes, all of them unless `start` and `end` say otherwise (ai.onnx 15).
#[derive(Debug)]
struct ShapeOf {
    start: i64,
    end: i64,
}

pub(in crate::tabular::ops) fn prepare_shape(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let kernel = ShapeOf { start: node.int("start")?.unwrap_or(0), end: node.int("end")?.unwrap_or(i64::MAX) };
    let Some(dims) = &inputs[0].dims else {
        let output = Value::new(DType::Int64, Some(vec![Dim::ANY])).with_rows(mixed_rows(inputs));
        return Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] });
    };
    let dims = &dims[kernel.range(dims.len())];
    let fixed = |dim: &Dim| if let Dim::Fixed(length) = dim { i64::try_from(*length).ok() } else { None };
    let known: Option<Vec<i64>> = dims.iter().map(fixed).collect();
    let known = known.and_then(|lengths| Tensor::from_vec(Shape::new([lengths.len()]), lengths).ok());
    let output = if let Some(lengths) = known {
        // Whatever the request, the lengths are these.
        Value::constant(lengths)
    } else {
        let output = Value::new(DType::Int64, Some(vec![Dim::Fixed(dims.len())])).with_rows(mixed_rows(inputs));
        let whole = (dims.len() == inputs[0].rank().unwrap_or(0)).then(|| Box::new(inputs[0].clone()));
        Value { lengths_of: whole, ..output }
    };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

impl ShapeOf {
    fn range(&self, rank: usize) -> std::ops::Range<usize> {
        let rank = i64::try_from(rank).unwrap_or(i64::MAX);
        let place = |at: i64| if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank);
        let (start, end) = (place(self.start), place(self.end));
        let index = |at: i64| usize::try_from(at).unwrap_or(0);
        index(start)..index(end.max(start))
    }
}

impl Kernel for ShapeOf {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let shape = inputs.get(0)?.shape();
        let lengths = &shape[self.range(shape.len())];
        let lengths: Vec<i64> = lengths.iter().map(|&length| i64::try_from(length).unwrap_or(i64::MAX)).collect();
        outputs.push(tensor(Shape::new([lengths.len()]), lengths)?);
        Ok(())
    }
}

/// The number of elements.
#[derive(Debug)]
struct Size;

#[expect(clippy::unnecessary_wraps, reason = "every operator is prepared by a function of one type")]
pub(in crate::tabular::ops) fn prepare_size(_: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let rows = if inputs[0].rows() == Rows::Absent { Rows::Absent } else { Rows::Mixed };
    let output = Value::new(DType::Int64, Some(Vec::new())).with_rows(rows);
    Ok(Prepared { kernel: Box::new(Size), outputs: vec![output] })
}

impl Kernel for Size {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let count = i64::try_from(inputs.get(0)?.len()).unwrap_or(i64::MAX);
        outputs.push(tensor(Shape::scalar(), vec![count])?);
        Ok(())
    }
}
