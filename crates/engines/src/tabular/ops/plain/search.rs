//! `NonZero`: the positions of what is not zero, one column each.

use loadonce_core::{DType, Dim, Element, LoadError, RunError, Shape, Tensor};

use super::infer::mixed_rows;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

#[derive(Debug)]
struct NonZero;

pub(in crate::tabular::ops) fn prepare_non_zero(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&[DType::Fp32, DType::Fp64, DType::Int64, DType::Int32, DType::Bool], node)?;
    let dims = vec![input.rank().map_or(Dim::ANY, Dim::Fixed), Dim::ANY];
    let output = Value::new(DType::Int64, Some(dims)).with_rows(mixed_rows(inputs));
    Ok(Prepared { kernel: Box::new(NonZero), outputs: vec![output] })
}

fn places<T: Element>(input: &Tensor) -> Result<Vec<usize>, RunError> {
    let elements = elements::<T>(input)?.iter().enumerate();
    Ok(elements.filter(|(_, element)| **element != T::default()).map(|(place, _)| place).collect())
}

impl Kernel for NonZero {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let places = match input.dtype() {
            DType::Fp32 => places::<f32>(input)?,
            DType::Fp64 => places::<f64>(input)?,
            DType::Int64 => places::<i64>(input)?,
            DType::Int32 => places::<i32>(input)?,
            _ => places::<bool>(input)?,
        };
        let axes = input.shape();
        let shape = Shape::new([axes.len(), places.len()]);
        let mut positions: Vec<i64> = Vec::with_capacity(room(&shape, DType::Int64)?);
        for axis in 0..axes.len() {
            let within: usize = axes[axis + 1..].iter().product();
            let along = places.iter().map(|place| place.checked_div(within).unwrap_or(0) % axes[axis].max(1));
            positions.extend(along.map(|position| i64::try_from(position).unwrap_or(i64::MAX)));
        }
        outputs.push(tensor(shape, positions)?);
        Ok(())
    }
}
