//! `Binarizer` (ai.onnx.ml 1): elements above a threshold become 1, others 0. Takes numbers of any shape, gives the same
//! dtype and shape.
//!
//! ONNX Runtime has `FP32` only, and refuses elements that are no number, as we do.

use loadonce_core::{DType, Element, LoadError, RunError, Tensor};

use crate::tabular::kernel::{Inputs, Kernel, NUMBERS, Prepared, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;

#[derive(Debug)]
struct Binarizer {
    threshold: f64,
}

pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&NUMBERS, node)?;
    let threshold = node.float("threshold")?.unwrap_or(0.0).into();
    let output = Value::new(input.dtype, input.dims.clone());
    Ok(Prepared { kernel: Box::new(Binarizer { threshold }), outputs: vec![output] })
}

impl Kernel for Binarizer {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let values = f64::of(input)?;
        if let Some(index) = values.iter().position(|value| value.is_nan()) {
            return Err(invalid(format!("element {index} is not a number")));
        }
        outputs.push(match input.dtype() {
            DType::Fp32 => self.binarized(input, &values, [0.0_f32, 1.0])?,
            DType::Fp64 => self.binarized(input, &values, [0.0_f64, 1.0])?,
            DType::Int64 => self.binarized(input, &values, [0_i64, 1])?,
            _ => self.binarized(input, &values, [0_i32, 1])?,
        });
        Ok(())
    }
}

impl Binarizer {
    fn binarized<T: Element>(&self, input: &Tensor, values: &[f64], answers: [T; 2]) -> Result<Tensor, RunError> {
        let binarized = values.iter().map(|&value| answers[usize::from(value > self.threshold)]);
        tensor(input.shape().clone(), binarized.collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::testing::{Value::Float, ml_node};
    use crate::tabular::testing::{floats, numbers, run, run_error};

    #[test]
    fn elements_above_the_threshold_are_ones() {
        let node = ml_node("Binarizer", &["x"], &["y"]);
        assert_eq!(run(node.clone(), floats(&[1, 3], &[-1.0, 0.0, 0.5]))[0], floats(&[1, 3], &[0.0, 0.0, 1.0]));
        let node = node.with("threshold", Float(1.5));
        assert_eq!(run(node.clone(), numbers::<i64>(&[2], &[1, 2]))[0], numbers::<i64>(&[2], &[0, 1]));
        assert_eq!(run(node.clone(), numbers::<i32>(&[2], &[1, 2]))[0], numbers::<i32>(&[2], &[0, 1]));
        assert_eq!(run(node, numbers::<f64>(&[2], &[1.5, 1.6]))[0], numbers::<f64>(&[2], &[0.0, 1.0]));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let error = run_error(ml_node("Binarizer", &["x"], &["y"]), floats(&[2], &[1.0, f32::NAN]));
        assert!(error.to_string().ends_with("element 1 is not a number"), "{error}");
    }
}
