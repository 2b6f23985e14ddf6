//! `TreeEnsembleRegressor`: the votes are the answer.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::attributes::Attributes;
use super::votes::Score;
use super::{Ensemble, is_double, table};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::tabular::ops::post_transform::PostTransform;

#[derive(Debug)]
struct Regressor<T> {
    ensemble: Ensemble<T>,
    transform: PostTransform,
}

/// More targets than any model has; a bound on what a file can ask for.
pub(super) const MAX_TARGETS: usize = 1 << 16;

pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let table = table(node, &inputs[0])?;
    let trees = Attributes::read(node, "target")?;
    let targets = node.int("n_targets")?.unwrap_or(0);
    let count = usize::try_from(targets).ok().filter(|count| (1..=MAX_TARGETS).contains(count));
    let count = count.ok_or_else(|| node.corrupt(format!("{targets} targets")))?;
    let transform = PostTransform::read(node)?;
    let kernel: Box<dyn Kernel> = if is_double(&trees, &inputs[0]) {
        Box::new(Regressor {
            ensemble: checked(node, Ensemble::<f64>::prepare(node, &trees, count, &table)?)?,
            transform,
        })
    } else {
        Box::new(Regressor {
            ensemble: checked(node, Ensemble::<f32>::prepare(node, &trees, count, &table)?)?,
            transform,
        })
    };
    let output = Value::new(DType::Fp32, Some(vec![table.rows, Dim::Fixed(count)]));
    Ok(Prepared { kernel, outputs: vec![output] })
}

fn checked<T: Real>(node: &Node<'_>, ensemble: Ensemble<T>) -> Result<Ensemble<T>, LoadError> {
    let (bases, targets) = (ensemble.base_values.len(), ensemble.forest.classes());
    if bases == 0 || bases == targets {
        return Ok(ensemble);
    }
    Err(node.corrupt(format!("{bases} base values for {targets} targets")))
}

impl<T: Real> Kernel for Regressor<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let votes = self.ensemble.votes(inputs.get(0)?)?;
        let targets = self.ensemble.forest.classes();
        let scores = votes.into_rows();
        let mut answers: Vec<f32> = Vec::with_capacity(scores.len());
        for row in scores.chunks_exact(targets) {
            answers.extend(row.iter().enumerate().map(|(target, score)| self.answer(target, score).to_f32()));
        }
        self.transform.apply_rows(&mut answers, targets);
        let rows = answers.len() / targets;
        outputs.push(tensor(Shape::new([rows, targets]), answers)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.ensemble.weight_bytes()
    }
}

impl<T: Real> Regressor<T> {
    /// A score with its base value. Among several targets one without a vote is zero, without its base value: so does
    /// ONNX Runtime, and the specification does not say.
    fn answer(&self, target: usize, score: &Score<T>) -> T {
        if !score.voted && self.ensemble.forest.classes() > 1 {
            return T::default();
        }
        score.value + self.ensemble.base_values.get(target).copied().unwrap_or_default()
    }
}
