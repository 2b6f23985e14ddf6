//! Operators that compute each element from two elements, with broadcasting.
//!
//! Since operator set 7 shapes broadcast as in numpy. Before, the second input was broadcast only if the attribute
//! `broadcast` said so, its axes lying from `axis` on along those of the first (ONNX changelog, `Add` 1 and 6).

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use loadonce_core::{DType, Element, LoadError, RunError, Shape, Tensor};

use super::infer::broadcast;
use super::number::Number;
use super::walk::{Walk, broadcast_shape};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// From elements of `A` and `B` to elements of `R`.
struct Binary<A, B, R, F> {
    join: F,
    alignment: Alignment,
    /// Refuses a second input with a zero in it, by which no integer can be divided.
    divides: bool,
    types: PhantomData<fn(A, B) -> R>,
}

/// How the shape of the second input lies along that of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alignment {
    /// Both broadcast, from the last axis on.
    Both,
    /// Shapes are equal (before operator set 7).
    Equal,
    /// The second broadcasts from this axis of the first on (before operator set 7).
    From(usize),
    /// The second broadcasts along the last axes of the first (before operator set 7).
    Last,
}

/// What is being built at load.
struct Plan<'a> {
    node: &'a Node<'a>,
    inputs: &'a [Value],
}

impl<A: Element, B: Element, R: Element, F: Fn(A, B) -> R + Send + Sync + 'static> Binary<A, B, R, F> {
    fn prepare(plan: &Plan<'_>, join: F) -> Result<Prepared, LoadError> {
        Self::with_divisor(plan, join, false)
    }

    fn with_divisor(plan: &Plan<'_>, join: F, divides: bool) -> Result<Prepared, LoadError> {
        let alignment = Alignment::read(plan.node)?;
        let kernel = Self { join, alignment, divides, types: PhantomData };
        let mut output = output(plan.inputs, alignment);
        output.dtype = R::DTYPE;
        Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
    }
}

fn output(inputs: &[Value], alignment: Alignment) -> Value {
    match alignment {
        Alignment::Both | Alignment::Last => broadcast(inputs),
        // The second input's own axes say nothing before it has been aligned.
        Alignment::Equal | Alignment::From(_) => {
            let rows = super::infer::mixed_rows(inputs);
            Value::new(inputs[0].dtype, inputs[0].dims.clone()).with_rows(rows)
        }
    }
}

impl Alignment {
    fn read(node: &Node<'_>) -> Result<Self, LoadError> {
        if node.version() >= 7 {
            return Ok(Self::Both);
        }
        if !node.flag("broadcast", false)? {
            return Ok(Self::Equal);
        }
        match node.int("axis")? {
            None => Ok(Self::Last),
            Some(axis) => {
                usize::try_from(axis).map(Self::From).map_err(|_| node.corrupt(format!("axis {axis} is negative")))
            }
        }
    }

    /// The shape of the second input, so that it broadcasts from the last axis on.
    fn align(self, first: &Shape, second: &Shape) -> Result<Shape, RunError> {
        let cannot = || invalid(format!("shape {second} cannot be broadcast to {first}"));
        let after = match self {
            Self::Both => return Ok(second.clone()),
            Self::Equal if first != second => return Err(cannot()),
            Self::Equal | Self::Last => 0,
            Self::From(axis) => first.len().checked_sub(axis.saturating_add(second.len())).ok_or_else(cannot)?,
        };
        let aligned = Shape::new(second.iter().copied().chain(std::iter::repeat_n(1, after)));
        if broadcast_shape(&[first, &aligned])? == *first { Ok(aligned) } else { Err(cannot()) }
    }
}

impl<A: Element, B: Element, R: Element, F> fmt::Debug for Binary<A, B, R, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Binary({} and {} to {}, {:?})", A::DTYPE, B::DTYPE, R::DTYPE, self.alignment)
    }
}

impl<A: Element, B: Element, R: Element, F: Fn(A, B) -> R + Send + Sync> Kernel for Binary<A, B, R, F> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (first, second) = (inputs.get(0)?, inputs.get(1)?);
        let (left, right) = (elements::<A>(first)?, elements::<B>(second)?);
        if self.divides && right.contains(&B::default()) {
            return Err(invalid("an integer cannot be divided by zero"));
        }
        let aligned = self.alignment.align(first.shape(), second.shape())?;
        let pair = [(first.shape(), left.len()), (&aligned, right.len())];
        let shape = shape_of(pair, R::DTYPE)?;
        let joined = zip((left, first.shape()), (right, &aligned), &shape, |&a, &b| (self.join)(a, b));
        outputs.push(tensor(shape, joined)?);
        Ok(())
    }
}

/// The shape that two tensors broadcast to, in most cases that of one of them.
fn shape_of([first, second]: [(&Shape, usize); 2], dtype: DType) -> Result<Shape, RunError> {
    if first.0 == second.0 {
        return Ok(first.0.clone());
    }
    let shape = broadcast_shape(&[first.0, second.0])?;
    room(&shape, dtype)?;
    Ok(shape)
}

/// The elements of two tensors, broadcast to a shape and joined.
pub(super) fn zip<A, B, R>(
    (left, left_shape): (&[A], &[usize]),
    (right, right_shape): (&[B], &[usize]),
    shape: &Shape,
    join: impl Fn(&A, &B) -> R,
) -> Vec<R> {
    if left_shape == right_shape {
        return left.iter().zip(right).map(|(a, b)| join(a, b)).collect();
    }
    if let ([b], true) = (right, left_shape.len() >= right_shape.len()) {
        return left.iter().map(|a| join(a, b)).collect();
    }
    let count = shape.element_count().unwrap_or(0);
    let mut joined = Vec::with_capacity(count);
    if count == 0 {
        return joined;
    }
    let walk = Walk::broadcast([left_shape, right_shape], shape);
    let inner = walk.inner();
    walk.runs(|offsets| {
        let [a, b] = offsets.map(isize::cast_unsigned);
        let length = inner.length;
        match inner.steps {
            [1, 1] => {
                joined.extend(left[a..a + length].iter().zip(&right[b..b + length]).map(|(a, b)| join(a, b)));
            }
            [1, 0] => joined.extend(left[a..a + length].iter().map(|a| join(a, &right[b]))),
            // The last axis of a broadcast has a step of one in one of them at least.
            _ => joined.extend(right[b..b + length].iter().map(|b| join(&left[a], b))),
        }
    });
    joined
}

fn same_types(node: &Node<'_>, inputs: &[Value]) -> Result<DType, LoadError> {
    let dtype = inputs[0].dtype;
    inputs[1].expect(&[dtype], node)?;
    Ok(dtype)
}

/// The `prepare` of operators that take two inputs of one dtype: its name, the result's type (`_` for that of the
/// inputs), the element types, the function.
macro_rules! same_type {
    ($($name:ident: [$($element:ident),*] -> $result:tt $join:expr;)*) => {$(
        pub(in crate::tabular::ops) fn $name(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
            let plan = Plan { node, inputs };
            match same_types(node, inputs)? {
                $($element::DTYPE => Binary::<$element, $element, $result, _>::prepare(&plan, $join),)*
                other => Err(node.unsupported(format!("elements of {other}"))),
            }
        }
    )*};
}

same_type! {
    prepare_add: [f32, f64, i64, i32] -> _ Number::plus;
    prepare_sub: [f32, f64, i64, i32] -> _ Number::minus;
    prepare_mul: [f32, f64, i64, i32] -> _ Number::times;
    prepare_less: [f32, f64, i64, i32] -> bool |a, b| a < b;
    prepare_greater: [f32, f64, i64, i32] -> bool |a, b| a > b;
    prepare_less_or_equal: [f32, f64, i64, i32] -> bool |a, b| a <= b;
    prepare_greater_or_equal: [f32, f64, i64, i32] -> bool |a, b| a >= b;
    prepare_and: [bool] -> bool |a, b| a & b;
    prepare_or: [bool] -> bool |a, b| a | b;
    prepare_xor: [bool] -> bool |a, b| a ^ b;
    prepare_equal_numbers: [f32, f64, i64, i32, bool] -> bool |a, b| PartialEq::eq(&a, &b);
}

pub(in crate::tabular::ops) fn prepare_div(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let plan = Plan { node, inputs };
    match same_types(node, inputs)? {
        DType::Fp32 => Binary::prepare(&plan, <f32 as Number>::over),
        DType::Fp64 => Binary::prepare(&plan, <f64 as Number>::over),
        DType::Int64 => Binary::with_divisor(&plan, <i64 as Number>::over, true),
        DType::Int32 => Binary::with_divisor(&plan, <i32 as Number>::over, true),
        other => Err(node.unsupported(format!("elements of {other}"))),
    }
}

/// `Mod` (ai.onnx 10 and later): `fmod` chooses the remainder of C, which floats must have.
pub(in crate::tabular::ops) fn prepare_mod(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let plan = Plan { node, inputs };
    let as_in_c = node.flag("fmod", false)?;
    match (same_types(node, inputs)?, as_in_c) {
        (DType::Fp32, true) => Binary::prepare(&plan, <f32 as Number>::remainder),
        (DType::Fp64, true) => Binary::prepare(&plan, <f64 as Number>::remainder),
        (DType::Int64, true) => Binary::with_divisor(&plan, <i64 as Number>::remainder, true),
        (DType::Int32, true) => Binary::with_divisor(&plan, <i32 as Number>::remainder, true),
        (DType::Int64, false) => Binary::with_divisor(&plan, <i64 as Number>::modulo, true),
        (DType::Int32, false) => Binary::with_divisor(&plan, <i32 as Number>::modulo, true),
        (other, _) => Err(node.unsupported(format!("elements of {other} with fmod {}", u8::from(as_in_c)))),
    }
}

/// `Pow`: the result has the dtype of the base; since operator set 12 the exponent may have another one.
pub(in crate::tabular::ops) fn prepare_pow(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let plan = Plan { node, inputs };
    match inputs[0].dtype {
        DType::Fp32 => prepare_power_of::<f32>(&plan),
        DType::Fp64 => prepare_power_of::<f64>(&plan),
        DType::Int64 => prepare_power_of::<i64>(&plan),
        DType::Int32 => prepare_power_of::<i32>(&plan),
        other => Err(node.unsupported(format!("a base of {other}"))),
    }
}

fn prepare_power_of<T: Number>(plan: &Plan<'_>) -> Result<Prepared, LoadError> {
    match plan.inputs[1].dtype {
        DType::Fp32 => Binary::prepare(plan, |base: T, exponent: f32| base.power(exponent.into())),
        DType::Fp64 => Binary::prepare(plan, |base: T, exponent: f64| base.power(exponent)),
        DType::Int64 => Binary::prepare(plan, |base: T, exponent: i64| base.power(exponent.to_f64())),
        DType::Int32 => Binary::prepare(plan, |base: T, exponent: i32| base.power(exponent.into())),
        other => Err(plan.node.unsupported(format!("an exponent of {other}"))),
    }
}

/// `Equal`, of numbers and truths, and of strings since operator set 19.
pub(in crate::tabular::ops) fn prepare_equal(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    if same_types(node, inputs)? != DType::Bytes {
        return prepare_equal_numbers(node, inputs);
    }
    let mut output = broadcast(inputs);
    output.dtype = DType::Bool;
    Ok(Prepared { kernel: Box::new(EqualTexts), outputs: vec![output] })
}

/// `Equal` of strings (ai.onnx 19).
#[derive(Debug)]
struct EqualTexts;

impl Kernel for EqualTexts {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let shape = broadcast_shape(&[left.shape(), right.shape()])?;
        room(&shape, DType::Bool)?;
        let first: &[Bytes] = left.as_strings().map_err(|error| RunError::Failed(error.to_string()))?;
        let second: &[Bytes] = right.as_strings().map_err(|error| RunError::Failed(error.to_string()))?;
        let equal = zip((first, left.shape()), (second, right.shape()), &shape, |a, b| a == b);
        outputs.push(tensor(shape, equal)?);
        Ok(())
    }
}
