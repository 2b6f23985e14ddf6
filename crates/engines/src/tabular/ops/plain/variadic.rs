//! `Sum`, `Mean`, `Min` and `Max` of any number of inputs, broadcast to one shape (before operator set 8 they must be
//! of one shape already, which is a case of it).

use std::fmt;

use loadonce_core::{LoadError, RunError, Shape, Tensor};

use super::binary::zip;
use super::infer::broadcast;
use super::number::Number;
use super::walk::broadcast_shape;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Inputs joined from the first to the last.
struct Variadic<T> {
    join: fn(T, T) -> T,
    /// What becomes of the result, for so many inputs.
    end: Option<fn(T, usize) -> T>,
}

impl<T: Number> fmt::Debug for Variadic<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Variadic({})", T::DTYPE)
    }
}

impl<T: Number> Kernel for Variadic<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let first = inputs.get(0)?;
        let mut shape: Shape = first.shape().clone();
        let mut joined = elements::<T>(first)?.to_vec();
        for next in inputs.iter().skip(1) {
            let next = next?;
            let wider = broadcast_shape(&[&shape, next.shape()])?;
            room(&wider, T::DTYPE)?;
            joined = zip((&joined, &shape), (elements(next)?, next.shape()), &wider, |&a, &b| (self.join)(a, b));
            shape = wider;
        }
        if let Some(end) = self.end {
            for element in &mut joined {
                *element = end(*element, inputs.len());
            }
        }
        outputs.push(tensor(shape, joined)?);
        Ok(())
    }
}

fn prepare<T: Number>(inputs: &[Value], join: fn(T, T) -> T, end: Option<fn(T, usize) -> T>) -> Prepared {
    Prepared { kernel: Box::new(Variadic { join, end }), outputs: vec![broadcast(inputs)] }
}

macro_rules! variadic {
    ($($name:ident: [$($element:ident),*] $join:expr, $end:expr;)*) => {$(
        pub(in crate::tabular::ops) fn $name(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
            for input in inputs {
                input.expect(&[inputs[0].dtype], node)?;
            }
            match inputs[0].dtype {
                $(<$element as loadonce_core::Element>::DTYPE => Ok(prepare::<$element>(inputs, $join, $end)),)*
                other => Err(node.unsupported(format!("elements of {other}"))),
            }
        }
    )*};
}

variadic! {
    prepare_sum: [f32, f64] Number::plus, None;
    prepare_mean: [f32, f64] Number::plus, Some(mean);
    prepare_min: [f32, f64, i64, i32] Number::lesser, None;
    prepare_max: [f32, f64, i64, i32] Number::greater, None;
}

#[expect(clippy::cast_precision_loss, reason = "no node has so many inputs")]
fn mean<T: Number>(sum: T, count: usize) -> T {
    sum.over(T::from_f64(count as f64))
}
