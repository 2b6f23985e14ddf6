//! `Imputer` (ai.onnx.ml 1): a value that stands for "missing" is replaced, column by column. Takes numbers `[N,C]` or
//! `[C]`, gives the same dtype and shape.

use loadonce_core::{DType, Element, LoadError, RunError, Tensor};

use crate::tabular::kernel::{Extent, Inputs, Kernel, NUMBERS, Prepared, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

#[derive(Debug)]
struct Imputer<T> {
    missing: T,
    replacements: Vec<T>,
}

/// ONNX Runtime has `FP32` and `INT64` only; the specification allows the other two as well.
pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&NUMBERS, node)?;
    let kernel: Box<dyn Kernel> = match input.dtype {
        DType::Fp32 => Box::new(float_imputer(node, input, |value| value)?),
        DType::Fp64 => Box::new(float_imputer(node, input, f64::from)?),
        DType::Int32 => Box::new(int_imputer(node, input, |value| i32::try_from(value).ok())?),
        _ => Box::new(int_imputer(node, input, Some)?),
    };
    let output = Value::new(input.dtype, input.dims.clone());
    Ok(Prepared { kernel, outputs: vec![output] })
}

fn float_imputer<T>(node: &Node<'_>, input: &Value, widen: impl Fn(f32) -> T) -> Result<Imputer<T>, LoadError> {
    let missing = widen(node.float("replaced_value_float")?.unwrap_or(0.0));
    let replacements: Vec<T> = node.floats("imputed_value_floats")?.iter().map(|&value| widen(value)).collect();
    check_count(node, input, replacements.len())?;
    Ok(Imputer { missing, replacements })
}

fn int_imputer<T>(node: &Node<'_>, input: &Value, narrow: impl Fn(i64) -> Option<T>) -> Result<Imputer<T>, LoadError> {
    let narrow = |value| narrow(value).ok_or_else(|| node.corrupt(format!("{value} does not fit {}", input.dtype)));
    let missing = narrow(node.int("replaced_value_int64")?.unwrap_or(0))?;
    let replacements: Vec<T> =
        node.ints("imputed_value_int64s")?.iter().map(|&value| narrow(value)).collect::<Result<_, _>>()?;
    check_count(node, input, replacements.len())?;
    Ok(Imputer { missing, replacements })
}

/// ONNX Runtime takes the first replacement for every column when their number fits none of the two forms that the
/// specification has; that is a mistake of the model, and said here.
fn check_count(node: &Node<'_>, input: &Value, count: usize) -> Result<(), LoadError> {
    match count {
        0 => Err(node.corrupt(format!("no imputed values for an input of {}", input.dtype))),
        1 => input.table(node).map(drop),
        _ => input.table(node)?.expect_width(count, node),
    }
}

/// An element that can stand for "missing".
trait Missing: Element + std::fmt::Debug {
    fn equals(self, missing: Self) -> bool;
}

macro_rules! missing_floats {
    ($($element:ty),*) => {$(
        impl Missing for $element {
            /// NaN stands for NaN here.
            #[expect(clippy::float_cmp, reason = "the specification compares for equality")]
            fn equals(self, missing: Self) -> bool {
                self == missing || (self.is_nan() && missing.is_nan())
            }
        }
    )*};
}

macro_rules! missing_ints {
    ($($element:ty),*) => {$(
        impl Missing for $element {
            fn equals(self, missing: Self) -> bool {
                self == missing
            }
        }
    )*};
}

missing_floats!(f32, f64);
missing_ints!(i64, i32);

impl<T: Missing> Kernel for Imputer<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let width = Extent::of(input)?.width;
        if self.replacements.len() != 1 && self.replacements.len() != width {
            return Err(invalid(format!("expected {} columns, got {width}", self.replacements.len())));
        }
        let values = elements::<T>(input)?;
        let mut imputed = Vec::with_capacity(values.len());
        for row in values.chunks(self.replacements.len()) {
            let columns = row.iter().zip(&self.replacements);
            imputed.extend(columns.map(|(&value, &new)| if value.equals(self.missing) { new } else { value }));
        }
        outputs.push(tensor(input.shape().clone(), imputed)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        size_of_val(&*self.replacements)
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::testing::{
        Value::{Float, Floats, Int, Ints},
        ml_node,
    };
    use crate::tabular::testing::{floats, load_error, numbers, run};

    #[test]
    fn missing_values_are_replaced_column_by_column() {
        let node = ml_node("Imputer", &["x"], &["y"]).with("imputed_value_floats", Floats(&[9.0, 8.0]));
        assert_eq!(
            run(node.clone(), floats(&[2, 2], &[0.0, 1.0, 2.0, 0.0]))[0],
            floats(&[2, 2], &[9.0, 1.0, 2.0, 8.0])
        );
        assert_eq!(run(node, numbers::<f64>(&[1, 2], &[0.0, 0.0]))[0], numbers::<f64>(&[1, 2], &[9.0, 8.0]));
        let node = ml_node("Imputer", &["x"], &["y"])
            .with("imputed_value_int64s", Ints(&[7]))
            .with("replaced_value_int64", Int(-1));
        assert_eq!(run(node.clone(), numbers::<i64>(&[3], &[0, -1, 5]))[0], numbers::<i64>(&[3], &[0, 7, 5]));
        assert_eq!(run(node, numbers::<i32>(&[1, 1], &[-1]))[0], numbers::<i32>(&[1, 1], &[7]));
    }

    #[test]
    fn nan_may_stand_for_missing() {
        let node = ml_node("Imputer", &["x"], &["y"])
            .with("imputed_value_floats", Floats(&[9.0]))
            .with("replaced_value_float", Float(f32::NAN));
        assert_eq!(run(node, floats(&[1, 2], &[f32::NAN, 0.0]))[0], floats(&[1, 2], &[9.0, 0.0]));
    }

    #[test]
    fn values_of_the_wrong_kind_or_number_are_refused() {
        let node = ml_node("Imputer", &["x"], &["y"]).with("imputed_value_int64s", Ints(&[7]));
        assert!(load_error(node, &["", "2"]).detail().ends_with("no imputed values for an input of FP32"));
        let node = ml_node("Imputer", &["x"], &["y"]).with("imputed_value_floats", Floats(&[9.0, 8.0, 7.0]));
        assert!(load_error(node, &["", "2"]).detail().ends_with("the input has 2 columns, the attributes are for 3"));
    }
}
