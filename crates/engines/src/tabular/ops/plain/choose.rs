//! `Where` (ai.onnx 9 and later) and `Clip`.

use std::fmt;

use loadonce_core::{DType, Element, LoadError, RunError, Shape, Tensor};

use super::cells::{Movement, moved};
use super::infer::broadcast;
use super::number::Number;
use super::walk::{Walk, broadcast_shape};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Elements of the second input where the first is true, else of the third; of any dtype.
#[derive(Debug)]
struct Where;

/// One of two elements at each place.
struct Choice<'a> {
    truths: &'a [bool],
    walk: Walk<3>,
    count: usize,
}

pub(in crate::tabular::ops) fn prepare_where(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    inputs[0].expect(&[DType::Bool], node)?;
    inputs[2].expect(&[inputs[1].dtype], node)?;
    let mut output = broadcast(inputs);
    output.dtype = inputs[1].dtype;
    Ok(Prepared { kernel: Box::new(Where), outputs: vec![output] })
}

impl Kernel for Where {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (condition, yes, no) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        let shapes: [&[usize]; 3] = [condition.shape(), yes.shape(), no.shape()];
        let shape = broadcast_shape(&shapes)?;
        let count = room(&shape, yes.dtype())?;
        let walk = Walk::broadcast(shapes, &shape);
        outputs.push(moved(&[yes, no], shape, &Choice { truths: elements(condition)?, walk, count })?);
        Ok(())
    }
}

impl Movement for Choice<'_> {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let [yes, no] = tensors else { return Err(RunError::Failed("expected two tensors".to_owned())) };
        let mut chosen = Vec::with_capacity(self.count);
        if self.count == self.truths.len() && yes.len() == self.count && no.len() == self.count {
            let pairs = yes.iter().zip(*no);
            chosen
                .extend(self.truths.iter().zip(pairs).map(|(&truth, (yes, no))| if truth { yes } else { no }.clone()));
        } else if self.count > 0 {
            self.walk.offsets(|[truth, left, right]| {
                chosen.push(if self.truths[truth] { yes[left].clone() } else { no[right].clone() });
            });
        }
        Ok(chosen)
    }
}

/// Numbers held within bounds; what is no number stays so.
///
/// Up to operator set 10 the bounds are attributes, then inputs. One that is left out is the least or greatest finite
/// number.
struct Clip<T> {
    attributes: Option<(T, T)>,
}

pub(in crate::tabular::ops) fn prepare_clip(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    for bound in inputs[1..].iter().filter(|bound| !bound.missing) {
        bound.expect(&[inputs[0].dtype], node)?;
    }
    let kernel: Box<dyn Kernel> = match inputs[0].dtype {
        DType::Fp32 => Box::new(Clip::<f32> { attributes: bounds(node)? }),
        DType::Fp64 => Box::new(Clip::<f64> { attributes: bounds(node)? }),
        DType::Int64 => Box::new(Clip::<i64> { attributes: bounds(node)? }),
        DType::Int32 => Box::new(Clip::<i32> { attributes: bounds(node)? }),
        other => return Err(node.unsupported(format!("elements of {other}"))),
    };
    Ok(Prepared { kernel, outputs: vec![broadcast(&inputs[..1])] })
}

fn bounds<T: Number>(node: &Node<'_>) -> Result<Option<(T, T)>, LoadError> {
    if node.version() >= 11 {
        return Ok(None);
    }
    let bound = |name: &str, open: T| Ok(node.float(name)?.map_or(open, |bound| T::from_f64(bound.into())));
    Ok(Some((bound("min", T::MIN)?, bound("max", T::MAX)?)))
}

impl<T: Number> fmt::Debug for Clip<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Clip({}, {:?})", T::DTYPE, self.attributes)
    }
}

impl<T: Number> Kernel for Clip<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let (least, greatest) = match self.attributes {
            Some(bounds) => bounds,
            None => (bound(inputs, 1, T::MIN)?, bound(inputs, 2, T::MAX)?),
        };
        let clip = |&element: &T| {
            let raised = if element < least { least } else { element };
            if raised > greatest { greatest } else { raised }
        };
        let shape: Shape = input.shape().clone();
        outputs.push(tensor(shape, elements::<T>(input)?.iter().map(clip).collect())?);
        Ok(())
    }
}

fn bound<T: Element>(inputs: &Inputs<'_>, index: usize, open: T) -> Result<T, RunError> {
    let Some(bound) = inputs.optional(index) else { return Ok(open) };
    match elements::<T>(bound)? {
        [bound] => Ok(*bound),
        several => Err(invalid(format!("{} elements for a bound, expected one", several.len()))),
    }
}
