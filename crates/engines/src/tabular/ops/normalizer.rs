//! `Normalizer` (ai.onnx.ml 1): each row divided by its maximum, its L1 or its L2 norm. Takes numbers `[N,C]` or `[C]`,
//! gives `FP32` of the same shape.

use loadonce_core::{DType, LoadError, RunError, Tensor};

use crate::tabular::kernel::{Extent, Inputs, Kernel, NUMBERS, Prepared, Value, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;

#[derive(Clone, Copy, Debug)]
enum Normalizer {
    Max,
    L1,
    L2,
}

pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&NUMBERS, node)?;
    input.table(node)?;
    let kernel = match node.text("norm")?.unwrap_or("MAX") {
        "MAX" => Normalizer::Max,
        "L1" => Normalizer::L1,
        "L2" => Normalizer::L2,
        other => return Err(node.corrupt(format!("unknown norm '{other}'"))),
    };
    let output = Value::new(DType::Fp32, input.dims.clone()).with_labels(input.labels.clone());
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

impl Kernel for Normalizer {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let width = Extent::of(input)?.width.max(1);
        let values = f32::of(input)?;
        let mut normalized = Vec::with_capacity(values.len());
        for row in values.chunks(width) {
            self.normalize(row, &mut normalized);
        }
        outputs.push(tensor(input.shape().clone(), normalized)?);
        Ok(())
    }
}

impl Normalizer {
    /// A row whose norm is zero stays as it is, as in ONNX Runtime; the specification does not say.
    fn normalize(self, row: &[f32], normalized: &mut Vec<f32>) {
        let norm = self.norm(row);
        if norm == 0.0 {
            return normalized.extend(row);
        }
        match self {
            Self::Max | Self::L1 => normalized.extend(row.iter().map(|value| value / norm)),
            // ONNX Runtime divides the squares, so that an overflow of the sum shows in the same elements.
            Self::L2 => normalized.extend(row.iter().map(|value| {
                let part = (value * value / norm).sqrt();
                if *value < 0.0 { -part } else { part }
            })),
        }
    }

    /// The maximum is one of the elements, not of their magnitudes: a row of negative numbers changes its sign. For L2
    /// this is the square of the norm.
    fn norm(self, row: &[f32]) -> f32 {
        match self {
            Self::Max => row.iter().fold(f32::MIN, |max, &value| if max < value { value } else { max }),
            Self::L1 => row.iter().map(|value| value.abs()).sum(),
            Self::L2 => row.iter().map(|value| value * value).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::testing::{Value::Text, ml_node};
    use crate::tabular::testing::{assert_floats, floats, load_error, numbers, run};

    const ROWS: [f32; 9] = [-3.0, 1.0, 2.0, -1.0, -5.0, 0.0, 0.0, 0.0, 0.0];

    fn normalized(norm: &str) -> Vec<f32> {
        let node = ml_node("Normalizer", &["x"], &["y"]).with("norm", Text(norm));
        run(node, floats(&[3, 3], &ROWS))[0].as_slice().unwrap().to_vec()
    }

    #[test]
    fn rows_are_divided_by_their_norm() {
        assert_floats(&normalized("MAX"), &[-1.5, 0.5, 1.0, -1.0, -5.0, 0.0, 0.0, 0.0, 0.0]);
        let sixth = 1.0 / 6.0;
        assert_floats(&normalized("L1"), &[-0.5, sixth, 2.0 * sixth, -sixth, -5.0 * sixth, 0.0, 0.0, 0.0, 0.0]);
        let (a, b) = (1.0 / 14.0_f32.sqrt(), 1.0 / 26.0_f32.sqrt());
        assert_floats(&normalized("L2"), &[-3.0 * a, a, 2.0 * a, -b, -5.0 * b, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_default_is_the_maximum_and_integers_become_floats() {
        let node = ml_node("Normalizer", &["x"], &["y"]);
        assert_eq!(run(node, numbers::<i32>(&[3], &[-3, 1, 2]))[0], floats(&[3], &[-1.5, 0.5, 1.0]));
    }

    #[test]
    fn other_norms_and_ranks_are_refused() {
        let node = ml_node("Normalizer", &["x"], &["y"]).with("norm", Text("L3"));
        assert!(load_error(node, &["", "2"]).detail().ends_with("unknown norm 'L3'"));
        let error = load_error(ml_node("Normalizer", &["x"], &["y"]), &["", "2", "2"]);
        assert!(error.detail().ends_with("expected an input of one or two axes, got 3"), "{error}");
    }
}
