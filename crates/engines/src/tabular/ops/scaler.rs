//! `Scaler` (ai.onnx.ml 1): `(x - offset) * scale`, column by column. Takes numbers `[N,C]` or `[C]`, gives `FP32` of
//! the same shape.

use loadonce_core::{DType, LoadError, RunError, Tensor};

use crate::tabular::kernel::{Extent, Inputs, Kernel, NUMBERS, Prepared, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;

#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
    /// Integers and single precision count in single precision, double precision in double.
    double: bool,
}

pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&NUMBERS, node)?;
    let (offset, scale) = (node.floats("offset")?, node.floats("scale")?);
    if scale.is_empty() || offset.len() != scale.len() {
        return Err(node.corrupt(format!("{} offsets for {} scales", offset.len(), scale.len())));
    }
    let table = input.table(node)?;
    if scale.len() > 1 {
        table.expect_width(scale.len(), node)?;
    }
    let kernel = Scaler { offset: offset.to_vec(), scale: scale.to_vec(), double: input.dtype == DType::Fp64 };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![Value::new(DType::Fp32, input.dims.clone())] })
}

impl Kernel for Scaler {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let width = Extent::of(input)?.width;
        if self.scale.len() != 1 && self.scale.len() != width {
            return Err(invalid(format!("expected {} columns, got {width}", self.scale.len())));
        }
        let scaled =
            if self.double { self.scaled::<f64>(&f64::of(input)?) } else { self.scaled::<f32>(&f32::of(input)?) };
        outputs.push(tensor(input.shape().clone(), scaled)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        size_of_val(&*self.offset) + size_of_val(&*self.scale)
    }
}

impl Scaler {
    fn scaled<T: Real>(&self, values: &[T]) -> Vec<f32> {
        let mut scaled = Vec::with_capacity(values.len());
        for row in values.chunks(self.scale.len()) {
            let columns = row.iter().zip(self.offset.iter().zip(&self.scale));
            scaled.extend(
                columns
                    .map(|(&value, (&offset, &scale))| ((value - T::from_f32(offset)) * T::from_f32(scale)).to_f32()),
            );
        }
        scaled
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::Shape;

    use crate::onnx::testing::{Value::Floats, ml_node};
    use crate::tabular::testing::{floats, load_error, numbers, run, run_error};

    #[test]
    fn columns_are_shifted_and_scaled() {
        let node =
            ml_node("Scaler", &["x"], &["y"]).with("offset", Floats(&[1.0, -2.0])).with("scale", Floats(&[0.5, 2.0]));
        let output = run(node.clone(), floats(&[2, 2], &[3.0, 1.0, 0.0, -2.0]));
        assert_eq!(output[0], floats(&[2, 2], &[1.0, 6.0, -0.5, 0.0]));
        assert_eq!(run(node.clone(), floats(&[2], &[3.0, 1.0]))[0], floats(&[2], &[1.0, 6.0]));
        assert_eq!(run(node.clone(), numbers::<i64>(&[1, 2], &[3, 1]))[0], floats(&[1, 2], &[1.0, 6.0]));
        assert_eq!(run(node, numbers::<f64>(&[1, 2], &[3.0, 1.0]))[0], floats(&[1, 2], &[1.0, 6.0]));
    }

    #[test]
    fn one_pair_serves_every_column() {
        let node = ml_node("Scaler", &["x"], &["y"]).with("offset", Floats(&[1.0])).with("scale", Floats(&[2.0]));
        let output = run(node, floats(&[1, 3], &[1.0, 2.0, 3.0]));
        assert_eq!(
            (output[0].shape(), output[0].as_slice::<f32>().unwrap()),
            (&Shape::new([1, 3]), &[0.0, 2.0, 4.0][..])
        );
    }

    #[test]
    fn other_widths_are_refused() {
        let node = ml_node("Scaler", &["x"], &["y"]).with("offset", Floats(&[1.0, 2.0])).with("scale", Floats(&[2.0]));
        assert_eq!(load_error(node, &["", "2"]).detail(), "node 'y' (ai.onnx.ml.Scaler): 2 offsets for 1 scales");
        let node =
            ml_node("Scaler", &["x"], &["y"]).with("offset", Floats(&[1.0, 2.0])).with("scale", Floats(&[2.0, 1.0]));
        let error = load_error(node.clone(), &["", "3"]);
        assert!(error.detail().ends_with("the input has 3 columns, the attributes are for 2"), "{error}");
        let error = run_error(node, floats(&[1, 3], &[1.0, 2.0, 3.0]));
        assert_eq!(
            error.to_string(),
            "the model refused the input: node 'y' (ai.onnx.ml.Scaler): expected 2 columns, got 3"
        );
    }
}
