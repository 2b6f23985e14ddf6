//! Operators that compute each element from one element: the shape stays.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Not;

use loadonce_core::{DType, Element, LoadError, RunError, Tensor};

use super::erf::erf;
use super::number::Number;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// From elements of `T` to elements of `R`, one by one.
struct Unary<T, R, F> {
    change: F,
    types: PhantomData<fn(T) -> R>,
}

impl<T: Element, R: Element, F: Fn(T) -> R + Send + Sync + 'static> Unary<T, R, F> {
    fn boxed(change: F) -> Box<dyn Kernel> {
        Box::new(Self { change, types: PhantomData })
    }
}

impl<T: Element, R: Element, F> fmt::Debug for Unary<T, R, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Unary({} to {})", T::DTYPE, R::DTYPE)
    }
}

impl<T: Element, R: Element, F: Fn(T) -> R + Send + Sync> Kernel for Unary<T, R, F> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let changed = elements::<T>(input)?.iter().map(|&element| (self.change)(element)).collect();
        outputs.push(tensor(input.shape().clone(), changed)?);
        Ok(())
    }
}

fn prepared(input: &Value, dtype: DType, kernel: Box<dyn Kernel>) -> Prepared {
    let mut output = Value::new(dtype, input.dims.clone()).with_labels(input.labels.clone());
    output.rows = input.rows;
    Prepared { kernel, outputs: vec![output] }
}

/// The `prepare` of operators of the same dtype in and out: its name, the element types, and a method of these or, in
/// parentheses, a function.
macro_rules! same_type {
    (@change $element:ident ($change:expr)) => { $change };
    (@change $element:ident $method:ident) => { $element::$method };
    ($($name:ident: [$($element:ident),*] $change:tt;)*) => { same_type! { @each $($name [$($element),*] $change)* } };
    (@each $($name:ident $elements:tt $change:tt)*) => { $(same_type! { @one $name $elements $change })* };
    (@one $name:ident [$($element:ident),*] $change:tt) => {
        pub(in crate::tabular::ops) fn $name(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
            let input = &inputs[0];
            input.expect(&[$($element::DTYPE),*], node)?;
            let kernel = match input.dtype {
                $($element::DTYPE => Unary::<$element, $element, _>::boxed(same_type!(@change $element $change)),)*
                other => return Err(node.unsupported(format!("elements of {other}"))),
            };
            Ok(prepared(input, input.dtype, kernel))
        }
    };
}

same_type! {
    prepare_abs: [f32, f64, i64, i32] magnitude;
    prepare_neg: [f32, f64, i64, i32] negative;
    prepare_sign: [f32, f64, i64, i32] direction;
    prepare_relu: [f32, f64, i64, i32] rectified;
    prepare_not: [bool] not;
    prepare_sqrt: [f32, f64] sqrt;
    prepare_exp: [f32, f64] exp;
    prepare_log: [f32, f64] ln;
    prepare_floor: [f32, f64] floor;
    prepare_ceil: [f32, f64] ceil;
    // Halves go to the even neighbour, as the specification says.
    prepare_round: [f32, f64] round_ties_even;
    prepare_reciprocal: [f32, f64] recip;
    prepare_tanh: [f32, f64] tanh;
    prepare_sigmoid: [f32, f64] (|x| 1.0 / (1.0 + (-x).exp()));
    prepare_softplus: [f32, f64] (|x| x.max(0.0) + (-x.abs()).exp().ln_1p());
    prepare_softsign: [f32, f64] (|x| x / (1.0 + x.abs()));
    prepare_sin: [f32, f64] sin;
    prepare_cos: [f32, f64] cos;
    prepare_tan: [f32, f64] tan;
    prepare_asin: [f32, f64] asin;
    prepare_acos: [f32, f64] acos;
    prepare_atan: [f32, f64] atan;
    prepare_sinh: [f32, f64] sinh;
    prepare_cosh: [f32, f64] cosh;
    prepare_asinh: [f32, f64] asinh;
    prepare_acosh: [f32, f64] acosh;
    prepare_atanh: [f32, f64] atanh;
    prepare_erf: [f32, f64] (|x| Number::from_f64(erf(Number::to_f64(x))));
}

pub(in crate::tabular::ops) fn prepare_is_nan(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let kernel = match inputs[0].dtype {
        DType::Fp32 => Unary::boxed(f32::is_nan),
        DType::Fp64 => Unary::boxed(f64::is_nan),
        other => return Err(node.unsupported(format!("elements of {other}"))),
    };
    Ok(prepared(&inputs[0], DType::Bool, kernel))
}

/// `IsInf` (ai.onnx 10): either sign, unless an attribute leaves one out.
pub(in crate::tabular::ops) fn prepare_is_inf(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (above, below) = (node.flag("detect_positive", true)?, node.flag("detect_negative", true)?);
    let found = move |x: f64| (above && x == f64::INFINITY) || (below && x == f64::NEG_INFINITY);
    let kernel = match inputs[0].dtype {
        DType::Fp32 => Unary::boxed(move |x: f32| found(x.into())),
        DType::Fp64 => Unary::boxed(found),
        other => return Err(node.unsupported(format!("elements of {other}"))),
    };
    Ok(prepared(&inputs[0], DType::Bool, kernel))
}

#[cfg(test)]
mod tests {
    use crate::onnx::testing::{Value::Int, node};
    use crate::tabular::testing::{floats, load_error, numbers, run};

    #[test]
    fn each_element_is_computed_in_its_own_type() {
        let output = run(node("Abs", &["x"], &["y"]), numbers::<i64>(&[2], &[-3, i64::MIN]));
        assert_eq!(output[0], numbers::<i64>(&[2], &[3, i64::MIN]));
        let output = run(node("Round", &["x"], &["y"]), floats(&[4], &[0.5, 1.5, -2.5, 2.6]));
        assert_eq!(output[0], floats(&[4], &[0.0, 2.0, -2.0, 3.0]));
        let output = run(node("IsNaN", &["x"], &["y"]), floats(&[2], &[f32::NAN, 1.0]));
        assert_eq!(output[0], numbers(&[2], &[true, false]));
        let infinite = node("IsInf", &["x"], &["y"]).with("detect_negative", Int(0));
        let output = run(infinite, floats(&[2], &[f32::INFINITY, f32::NEG_INFINITY]));
        assert_eq!(output[0], numbers(&[2], &[true, false]));
        let error = load_error(node("Not", &["x"], &["y"]), &["2"]);
        assert!(error.detail().ends_with("got an input of FP32, expected one of BOOL"), "{error}");
    }
}
