//! `SVMRegressor`: one number a row, or, of a one-class machine, whether the row belongs to the class. Gives
//! `FP32 [N,1]`.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::vectors::{Comparison, LANES, Vectors};
use crate::tabular::kernel::{Inputs, Kernel, NUMBERS, Prepared, Value, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;

#[derive(Debug)]
struct Regressor {
    vectors: Vectors,
    /// One for each vector.
    coefficients: Vec<f32>,
    rho: f32,
    /// Whether the answer is 1 for a row of the class and -1 for any other.
    is_one_class: bool,
}

/// ONNX Runtime takes `FP32` only; the specification allows all numbers, which are rounded to it here as its classifier
/// does.
pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    inputs[0].expect(&NUMBERS, node)?;
    let table = inputs[0].table(node)?;
    let coefficients = node.floats("coefficients")?;
    let &[rho, ..] = node.floats("rho")? else { return Err(node.corrupt("no rho")) };
    let n_supports = node.int("n_supports")?.unwrap_or(0);
    let count = usize::try_from(n_supports).map_err(|_| node.corrupt(format!("{n_supports} support vectors")))?;
    let (vectors, coefficients) = if count == 0 {
        // A linear machine: the coefficients are those of the columns.
        (Vectors::new(node, &table, (coefficients, 1), Comparison::Linear)?, vec![1.0])
    } else if coefficients.len() == count {
        let elements = node.floats("support_vectors")?;
        (Vectors::new(node, &table, (elements, count), Comparison::read(node)?)?, coefficients.to_vec())
    } else {
        return Err(node.corrupt(format!("{} coefficients for {count} support vectors", coefficients.len())));
    };
    let is_one_class = node.int("one_class")?.unwrap_or(0) != 0;
    let output = Value::new(DType::Fp32, Some(vec![table.rows, Dim::Fixed(1)]));
    let kernel = Regressor { vectors, coefficients, rho, is_one_class };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

impl Kernel for Regressor {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let rows = self.vectors.rows_of(input)?;
        let values = f32::of(input)?;
        let answers = self.vectors.compare(&values).map(|compared| self.answer(&compared));
        outputs.push(tensor(Shape::new([rows, 1]), answers.collect())?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.vectors.bytes() + size_of_val(&*self.coefficients)
    }
}

impl Regressor {
    fn answer(&self, compared: &[f32]) -> f32 {
        match (self.is_one_class, product(compared, &self.coefficients) + self.rho) {
            (false, score) => score,
            (true, score) if score > 0.0 => 1.0,
            (true, _) => -1.0,
        }
    }
}

/// `a·b`, added up in several sums at once: one would have to wait for itself.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    sums.iter().sum()
}
