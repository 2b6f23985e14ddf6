//! `TreeEnsembleClassifier`: the votes are scores of classes, and the best class is the label.
//!
//! The specification says neither how two classes share one score nor which class wins; the rules here are those of
//! ONNX Runtime (`onnxruntime/core/providers/cpu/ml/tree_ensemble_aggregator.h`), for which exporters write.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::attributes::Attributes;
use super::votes::Score;
use super::{Ensemble, is_double, table};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, tensor};
use crate::tabular::labels::Labels;
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::tabular::ops::post_transform::{PostTransform, logistic};

#[derive(Debug)]
struct Classifier<T> {
    ensemble: Ensemble<T>,
    rule: Rule,
    transform: PostTransform,
    labels: Labels,
}

/// How votes decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Three or more classes: the first of those with the greatest score.
    Greatest,
    /// Two classes, all votes for one of them: the second class wins above a threshold.
    Single(Weights),
    /// Two classes with votes for both: the second class wins above zero.
    Both,
}

/// The weights of the votes, on which the threshold of a single score depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weights {
    /// None is negative: scores are probabilities.
    Positive,
    Mixed,
}

pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let table = table(node, &inputs[0])?;
    let trees = Attributes::read(node, "class")?;
    let labels = Labels::read(node, "classlabels_int64s", "classlabels_strings")?;
    let (rule, transform) = (Rule::of(node, &trees, &labels)?, PostTransform::read(node)?);
    check(node, &trees, (rule, labels.len()), transform)?;
    let (count, texts, dtype) = (labels.len(), labels.texts(), labels.dtype());
    let labels = rule.answers(labels);
    let kernel: Box<dyn Kernel> = if is_double(&trees, &inputs[0]) {
        let ensemble = Ensemble::<f64>::prepare(node, &trees, count, &table)?;
        Box::new(Classifier { ensemble, rule, transform, labels })
    } else {
        let ensemble = Ensemble::<f32>::prepare(node, &trees, count, &table)?;
        Box::new(Classifier { ensemble, rule, transform, labels })
    };
    let label = Value::new(dtype, Some(vec![table.rows.clone()]));
    let scores = Value::new(DType::Fp32, Some(vec![table.rows, Dim::Fixed(count)])).with_labels(texts);
    Ok(Prepared { kernel, outputs: vec![label, scores] })
}

impl Rule {
    fn of(node: &Node<'_>, trees: &Attributes<'_>, labels: &Labels) -> Result<Self, LoadError> {
        match labels.len() {
            // ONNX Runtime answers 0 or 1 whatever the label is, and crashes if it is a string.
            0 | 1 => return Err(node.unsupported(format!("{} class labels, expected two or more", labels.len()))),
            2 => {}
            _ => return Ok(Self::Greatest),
        }
        let first = trees.classes.first();
        if first.is_none() || !trees.classes.iter().all(|class| Some(class) == first) {
            return Ok(Self::Both);
        }
        let negative = trees.weights::<f64>()?.iter().any(|&weight| weight < 0.0);
        Ok(Self::Single(if negative { Weights::Mixed } else { Weights::Positive }))
    }

    /// What a label is called in an answer. For two classes that both have votes ONNX Runtime answers the numbers 0 and
    /// 1 whatever numbers the labels are; strings it looks up.
    fn answers(self, labels: Labels) -> Labels {
        match labels {
            Labels::Ints(_) if self == Self::Both => Labels::Ints(vec![0, 1]),
            labels => labels,
        }
    }
}

/// Refuses base values that do not fit, and a transform for which ONNX Runtime answers with memory that nobody wrote.
fn check(
    node: &Node<'_>,
    trees: &Attributes<'_>,
    (rule, classes): (Rule, usize),
    transform: PostTransform,
) -> Result<(), LoadError> {
    let bases = trees.base_values::<f64>()?.len();
    if bases > classes || (rule == Rule::Greatest && bases != 0 && bases != classes) {
        return Err(node.corrupt(format!("{bases} base values for {classes} classes")));
    }
    let votes_for_first = trees.classes.first() == Some(&0);
    if matches!(rule, Rule::Single(_)) && votes_for_first && bases < 2 && transform == PostTransform::Probit {
        return Err(node.unsupported("post_transform 'PROBIT' on the single score of two classes is not defined"));
    }
    Ok(())
}

impl<T: Real> Kernel for Classifier<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let mut scores = self.ensemble.votes(inputs.get(0)?)?.into_rows();
        let count = self.labels.len();
        let rows = scores.len() / count;
        let (mut classes, mut answers) = (Vec::with_capacity(rows), vec![0.0; scores.len()]);
        for (scores, answers) in scores.chunks_exact_mut(count).zip(answers.chunks_exact_mut(count)) {
            classes.push(self.decide(scores, answers));
        }
        outputs.push(self.labels.tensor(&classes)?);
        outputs.push(tensor(Shape::new([rows, count]), answers)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.ensemble.weight_bytes()
    }
}

impl<T: Real> Classifier<T> {
    /// Writes a row's answers and says which class wins.
    fn decide(&self, scores: &mut [Score<T>], answers: &mut [f32]) -> usize {
        match self.rule {
            Rule::Greatest => self.decide_greatest(scores, answers),
            Rule::Single(weights) => self.decide_of_two(scores, answers, Some(weights)),
            Rule::Both => self.decide_of_two(scores, answers, None),
        }
    }

    fn decide_greatest(&self, scores: &mut [Score<T>], answers: &mut [f32]) -> usize {
        for (score, &base) in scores.iter_mut().zip(&self.ensemble.base_values) {
            *score = Score { value: score.value + base, voted: true };
        }
        for (answer, score) in answers.iter_mut().zip(scores.iter()) {
            *answer = score.value.to_f32();
        }
        self.transform.apply(answers);
        greatest(scores)
    }

    fn decide_of_two(&self, scores: &[Score<T>], answers: &mut [f32], weights: Option<Weights>) -> usize {
        let [first, second] = self.with_base_values(scores[0], scores[1]);
        let zero = T::default();
        let of_first = if first.voted { first.value } else { zero };
        let of_second = if second.voted { second.value } else { zero };
        let decisive = if second.voted { of_second } else { of_first };
        let threshold = if weights == Some(Weights::Positive) { 0.5 } else { 0.0 };
        if second.voted || self.ensemble.base_values.len() == 2 {
            [answers[0], answers[1]] = [of_first.to_f32(), of_second.to_f32()];
            self.transform.apply(answers);
        } else {
            [answers[0], answers[1]] = self.both(of_first.to_f32(), weights);
        }
        usize::from(decisive > T::from_f64(threshold))
    }

    /// A single base value belongs to the first class. Of two, and with a vote for the second class, ONNX Runtime takes
    /// the second one and the votes for the first class, so that those for the second are lost; no exporter writes two,
    /// and the answer is kept only because a user may compare.
    fn with_base_values(&self, mut first: Score<T>, mut second: Score<T>) -> [Score<T>; 2] {
        match *self.ensemble.base_values {
            [_, base] if second.voted => {
                second.value = base + first.value;
                first.value = -second.value;
            }
            [first_base, second_base] => {
                first.value += first_base;
                second.value += second_base;
            }
            [base] => first.value += base,
            _ => {}
        }
        [first, second]
    }

    /// Both classes' answers from the only score.
    fn both(&self, score: f32, weights: Option<Weights>) -> [f32; 2] {
        match (self.transform, weights) {
            (PostTransform::Logistic, _) => [logistic(-score), logistic(score)],
            (_, Some(Weights::Positive)) => [1.0 - score, score],
            _ => [-score, score],
        }
    }
}

/// The first of the greatest scores among the classes that have one; the first class if none has.
fn greatest<T: Real>(scores: &[Score<T>]) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (class, score) in scores.iter().enumerate().filter(|(_, score)| score.voted) {
        if best.is_none_or(|(_, value)| score.value > value) {
            best = Some((class, score.value));
        }
    }
    best.map_or(0, |(class, _)| class)
}
