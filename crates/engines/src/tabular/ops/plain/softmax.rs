//! Operators that compute each span along an axis as a whole: `Softmax`, `LogSoftmax`, `Hardmax`, `LpNormalization` and
//! `CumSum`.

use std::fmt;

use loadonce_core::{DType, LoadError, RunError, Tensor};

use super::infer::{axis_among, known_axis, mixed_rows, moved_rows};
use super::number::Number;
use super::spans::Spans;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// A span from each span.
struct SpanMap<T> {
    change: fn(&[T], &mut [T]),
    axis: i64,
    /// Whether a span goes from the axis to the last one (before operator set 13, "coerced into 2-D").
    to_the_end: bool,
}

fn prepare<T: Number>(node: &Node<'_>, inputs: &[Value], change: fn(&[T], &mut [T])) -> Result<Prepared, LoadError> {
    let to_the_end = node.version() < 13;
    let axis = node.int("axis")?.unwrap_or(if to_the_end { 1 } else { -1 });
    prepare_along(node, inputs, SpanMap { change, axis, to_the_end })
}

fn prepare_along<T: Number>(node: &Node<'_>, inputs: &[Value], kernel: SpanMap<T>) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let at = known_axis(kernel.axis, input, node)?;
    let apart = |rows: usize| at.is_some_and(|at| if kernel.to_the_end { rows < at } else { rows != at });
    let rows = moved_rows(input, |rows| apart(rows).then_some(rows));
    let output = Value::new(input.dtype, input.dims.clone()).with_labels(input.labels.clone()).with_rows(rows);
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

/// The `prepare` of operators on floats.
macro_rules! on_floats {
    ($($name:ident: $change:ident;)*) => {$(
        pub(in crate::tabular::ops) fn $name(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
            match inputs[0].dtype {
                DType::Fp32 => prepare::<f32>(node, inputs, $change),
                DType::Fp64 => prepare::<f64>(node, inputs, $change),
                other => Err(node.unsupported(format!("elements of {other}"))),
            }
        }
    )*};
}

on_floats! {
    prepare_softmax: softmax;
    prepare_log_softmax: log_softmax;
    prepare_hardmax: hardmax;
}

/// `LpNormalization` (ai.onnx 1 and later): each span divided by its norm; a span of norm zero becomes zeros.
pub(in crate::tabular::ops) fn prepare_lp(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let axis = node.int("axis")?.unwrap_or(-1);
    let order = node.int("p")?.unwrap_or(2);
    match (inputs[0].dtype, order) {
        (DType::Fp32, 1) => prepare_along(node, inputs, SpanMap::<f32> { change: by_l1, axis, to_the_end: false }),
        (DType::Fp32, 2) => prepare_along(node, inputs, SpanMap::<f32> { change: by_l2, axis, to_the_end: false }),
        (DType::Fp64, 1) => prepare_along(node, inputs, SpanMap::<f64> { change: by_l1, axis, to_the_end: false }),
        (DType::Fp64, 2) => prepare_along(node, inputs, SpanMap::<f64> { change: by_l2, axis, to_the_end: false }),
        (other, order) => Err(node.unsupported(format!("the norm of order {order} of elements of {other}"))),
    }
}

impl<T: Number> fmt::Debug for SpanMap<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SpanMap({}, axis {}, to the end: {})", T::DTYPE, self.axis, self.to_the_end)
    }
}

impl<T: Number> Kernel for SpanMap<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let rank = input.shape().len();
        let axis = axis_among(self.axis, rank)?;
        let along: Vec<usize> = if self.to_the_end { (axis..rank).collect() } else { vec![axis] };
        let changed = Spans::new(input.shape(), &along).map(input, self.change)?;
        outputs.push(tensor(input.shape().clone(), changed)?);
        Ok(())
    }
}

fn greatest<T: Number>(span: &[T]) -> T {
    span.iter().fold(T::LEAST, |greatest, &element| element.greater(greatest))
}

fn softmax<T: Number>(span: &[T], result: &mut [T]) {
    let greatest = greatest(span);
    for (result, element) in result.iter_mut().zip(span) {
        *result = T::from_f64(element.minus(greatest).to_f64().exp());
    }
    let sum = T::total(result.iter().copied());
    for element in result {
        *element = element.over(sum);
    }
}

fn log_softmax<T: Number>(span: &[T], result: &mut [T]) {
    let greatest = greatest(span);
    let sum: f64 = span.iter().map(|element| element.minus(greatest).to_f64().exp()).sum();
    for (result, element) in result.iter_mut().zip(span) {
        *result = T::from_f64(element.minus(greatest).to_f64() - sum.ln());
    }
}

/// One for the first of the greatest elements, zero for all others.
fn hardmax<T: Number>(span: &[T], result: &mut [T]) {
    let mut best = 0;
    for (position, &element) in span.iter().enumerate() {
        if element > span[best] {
            best = position;
        }
    }
    for (position, element) in result.iter_mut().enumerate() {
        *element = if position == best { T::ONE } else { T::ZERO };
    }
}

fn by_l1<T: Number>(span: &[T], result: &mut [T]) {
    divide(span, T::total(span.iter().map(|element| element.magnitude())), result);
}

fn by_l2<T: Number>(span: &[T], result: &mut [T]) {
    let square = T::total(span.iter().map(|element| element.times(*element)));
    divide(span, T::from_f64(square.to_f64().sqrt()), result);
}

fn divide<T: Number>(span: &[T], norm: T, result: &mut [T]) {
    for (result, element) in result.iter_mut().zip(span) {
        *result = if norm == T::ZERO { T::ZERO } else { element.over(norm) };
    }
}

/// Sums of each span up to each element, in the precision of the elements; the second input is the axis.
struct CumSum<T> {
    /// Each sum leaves its own element out.
    exclusive: bool,
    /// From the last element to the first.
    reverse: bool,
    element: std::marker::PhantomData<fn() -> T>,
}

pub(in crate::tabular::ops) fn prepare_cum_sum(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    match inputs[0].dtype {
        DType::Fp32 => prepare_cum_sum_of::<f32>(node, inputs),
        DType::Fp64 => prepare_cum_sum_of::<f64>(node, inputs),
        DType::Int64 => prepare_cum_sum_of::<i64>(node, inputs),
        DType::Int32 => prepare_cum_sum_of::<i32>(node, inputs),
        other => Err(node.unsupported(format!("elements of {other}"))),
    }
}

fn prepare_cum_sum_of<T: Number>(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, axis) = (&inputs[0], &inputs[1]);
    axis.expect(&[DType::Int64, DType::Int32], node)?;
    let known = axis.constant.as_ref().and_then(|axis| only_axis(axis).ok());
    let rows = match known {
        Some(axis) => {
            let at = known_axis(axis, input, node)?;
            moved_rows(input, |rows| (at.is_some() && at != Some(rows)).then_some(rows))
        }
        None => mixed_rows(inputs),
    };
    let (exclusive, reverse) = (node.flag("exclusive", false)?, node.flag("reverse", false)?);
    let kernel = CumSum::<T> { exclusive, reverse, element: std::marker::PhantomData };
    let output = Value::new(input.dtype, input.dims.clone()).with_rows(rows);
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

fn only_axis(axis: &Tensor) -> Result<i64, RunError> {
    let found = match axis.dtype() {
        DType::Int32 => elements::<i32>(axis)?.first().map(|&axis| i64::from(axis)),
        _ => elements::<i64>(axis)?.first().copied(),
    };
    found.filter(|_| axis.len() == 1).ok_or_else(|| invalid(format!("{} axes, expected one", axis.len())))
}

impl<T: Number> fmt::Debug for CumSum<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CumSum({}, exclusive: {}, reverse: {})", T::DTYPE, self.exclusive, self.reverse)
    }
}

impl<T: Number> Kernel for CumSum<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let axis = axis_among(only_axis(inputs.get(1)?)?, input.shape().len())?;
        let sums = Spans::new(input.shape(), &[axis]).map(input, |span: &[T], sums: &mut [T]| self.sum(span, sums))?;
        outputs.push(tensor(input.shape().clone(), sums)?);
        Ok(())
    }
}

impl<T: Number> CumSum<T> {
    fn sum(&self, span: &[T], sums: &mut [T]) {
        let mut sum = T::ZERO;
        for step in 0..span.len() {
            let at = if self.reverse { span.len() - 1 - step } else { step };
            let next = sum.plus(span[at]);
            sums[at] = if self.exclusive { sum } else { next };
            sum = next;
        }
    }
}
