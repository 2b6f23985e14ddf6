//! `SVMClassifier`: labels `[N]`, `INT64` or `BYTES`, and scores `FP32`.
//!
//! A machine with support vectors decides between each pair of classes, and the class that wins most pairs is the label.
//! Its scores are `[N,classes]` probabilities where it was fitted with them; else the pairs' `[N,pairs]`, and of a single
//! pair two columns. A linear machine has a score for each class, `[N,classes]`.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::coupling::{Sigmoid, probabilities};
use super::vectors::{Comparison, Vectors};
use crate::tabular::kernel::{Inputs, Kernel, NUMBERS, Prepared, Table, Value, tensor};
use crate::tabular::labels::Labels;
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::tabular::ops::post_transform::{PostTransform, logistic};

#[derive(Debug)]
struct Classifier {
    vectors: Vectors,
    machine: Machine,
    labels: Labels,
    transform: PostTransform,
}

#[derive(Debug)]
enum Machine {
    Pairs(Pairs),
    Linear(Linear),
}

/// A machine that decides between each pair of classes.
#[derive(Debug)]
struct Pairs {
    /// Where the vectors of each class begin; one more entry than classes.
    starts: Vec<usize>,
    /// `[classes - 1, vectors]`: what a vector says in the pairs of its class with each other class (LIBSVM, "FAQ", on
    /// `sv_coef`).
    coefficients: Vec<f32>,
    /// One a pair.
    rho: Vec<f32>,
    /// One a pair, if the scores are to be probabilities.
    sigmoids: Option<Vec<Sigmoid>>,
}

/// A machine with a vector for each class.
#[derive(Debug)]
struct Linear {
    /// Of the first class, for all classes: so does ONNX Runtime.
    rho: f32,
    rule: LinearRule,
}

/// Which class of a linear machine wins; the greatest score's, unless there are two classes and this says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinearRule {
    Greatest,
    /// The second of two classes, if any score is at least one half.
    SecondFromHalf,
    /// The second of two classes, if any score is above zero.
    SecondAboveZero,
}

pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    inputs[0].expect(&NUMBERS, node)?;
    let table = inputs[0].table(node)?;
    let labels = Labels::read(node, "classlabels_ints", "classlabels_strings")?;
    if labels.len() < 2 {
        return Err(node.unsupported(format!("{} class labels, expected two or more", labels.len())));
    }
    let transform = PostTransform::read(node)?;
    let (vectors, machine) = if node.ints("vectors_per_class")?.iter().all(|&count| count == 0) {
        linear(node, &table, labels.len())?
    } else {
        pairs(node, &table, labels.len())?
    };
    let kernel = Classifier { vectors, machine, labels, transform };
    if kernel.is_single_score() && transform == PostTransform::Probit {
        return Err(node.unsupported("post_transform 'PROBIT' on the single score of two classes is not defined"));
    }
    let label = Value::new(kernel.labels.dtype(), Some(vec![table.rows.clone()]));
    let scores = Value::new(DType::Fp32, Some(vec![table.rows, Dim::Fixed(kernel.columns())]));
    let scores = if kernel.scores_classes() { scores.with_labels(kernel.labels.texts()) } else { scores };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![label, scores] })
}

fn linear(node: &Node<'_>, table: &Table, classes: usize) -> Result<(Vectors, Machine), LoadError> {
    let coefficients = node.floats("coefficients")?;
    let &[rho, ..] = node.floats("rho")? else { return Err(node.corrupt("no rho")) };
    let vectors = Vectors::new(node, table, (coefficients, classes), Comparison::Linear)?;
    let rule = if classes > 2 || !node.floats("prob_a")?.is_empty() {
        LinearRule::Greatest
    } else if coefficients.iter().all(|&coefficient| coefficient >= 0.0) {
        LinearRule::SecondFromHalf
    } else {
        LinearRule::SecondAboveZero
    };
    Ok((vectors, Machine::Linear(Linear { rho, rule })))
}

fn pairs(node: &Node<'_>, table: &Table, classes: usize) -> Result<(Vectors, Machine), LoadError> {
    let starts = starts(node, classes)?;
    let count = starts.last().copied().unwrap_or(0);
    let vectors = Vectors::new(node, table, (node.floats("support_vectors")?, count), Comparison::read(node)?)?;
    let coefficients = node.floats("coefficients")?;
    if (classes - 1).checked_mul(count) != Some(coefficients.len()) {
        let found = coefficients.len();
        return Err(node.corrupt(format!("{found} coefficients for {count} vectors of {classes} classes")));
    }
    let rho = node.floats("rho")?;
    // There is a coefficient for each class but one, so this does not overflow.
    let pairs = classes * (classes - 1) / 2;
    if rho.len() != pairs {
        return Err(node.corrupt(format!("{} entries in 'rho' for {pairs} pairs of classes", rho.len())));
    }
    let sigmoids = sigmoids(node, pairs)?;
    let machine = Pairs { starts, coefficients: coefficients.to_vec(), rho: rho.to_vec(), sigmoids };
    Ok((vectors, Machine::Pairs(machine)))
}

fn starts(node: &Node<'_>, classes: usize) -> Result<Vec<usize>, LoadError> {
    let counts = node.ints("vectors_per_class")?;
    if counts.len() != classes {
        return Err(node.corrupt(format!("{} entries in 'vectors_per_class' for {classes} classes", counts.len())));
    }
    let mut starts = vec![0_usize];
    let mut next = 0_usize;
    for &count in counts {
        let count = usize::try_from(count).ok();
        let sum = count.and_then(|count| next.checked_add(count));
        next = sum.ok_or_else(|| node.corrupt(format!("'vectors_per_class' is {counts:?}")))?;
        starts.push(next);
    }
    Ok(starts)
}

fn sigmoids(node: &Node<'_>, pairs: usize) -> Result<Option<Vec<Sigmoid>>, LoadError> {
    let (prob_a, prob_b) = (node.floats("prob_a")?, node.floats("prob_b")?);
    match (prob_a.len(), prob_b.len()) {
        (0, 0) => Ok(None),
        (a, b) if (a, b) == (pairs, pairs) => {
            Ok(Some(prob_a.iter().zip(prob_b).map(|(&a, &b)| Sigmoid { a, b }).collect()))
        }
        (a, b) => Err(node.corrupt(format!("{a} and {b} probability coefficients for {pairs} pairs of classes"))),
    }
}

impl Kernel for Classifier {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let rows = self.vectors.rows_of(input)?;
        let values = f32::of(input)?;
        let (mut classes, mut answers) = (Vec::with_capacity(rows), Vec::with_capacity(rows * self.columns()));
        for compared in self.vectors.compare(&values) {
            let (class, mut scores) = match &self.machine {
                Machine::Pairs(pairs) => pairs.decide(&compared),
                Machine::Linear(linear) => linear.decide(compared),
            };
            self.finish(&mut scores);
            classes.push(class);
            answers.extend(scores);
        }
        outputs.push(self.labels.tensor(&classes)?);
        outputs.push(tensor(Shape::new([rows, self.columns()]), answers)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        let machine = match &self.machine {
            Machine::Pairs(pairs) => size_of_val(&*pairs.coefficients) + size_of_val(&*pairs.rho),
            Machine::Linear(_) => 0,
        };
        self.vectors.bytes() + machine
    }
}

impl Classifier {
    /// Whether the scores are those of the classes, and not of pairs of them.
    fn scores_classes(&self) -> bool {
        !matches!(self.machine, Machine::Pairs(Pairs { sigmoids: None, .. }))
    }

    /// Whether there is one score, for the only pair.
    fn is_single_score(&self) -> bool {
        !self.scores_classes() && self.labels.len() == 2
    }

    fn columns(&self) -> usize {
        let classes = self.labels.len();
        if self.scores_classes() || classes == 2 { classes } else { classes * (classes - 1) / 2 }
    }

    /// From a row's scores to its answer. The single score of a pair becomes two, in ONNX Runtime's way: the transforms
    /// other than `LOGISTIC` are passed over, and it is their mere presence that makes the first one a complement to one.
    fn finish(&self, scores: &mut Vec<f32>) {
        match (self.transform, &**scores) {
            (PostTransform::None, &[score]) => *scores = vec![-score, score],
            (PostTransform::Logistic, &[score]) => *scores = vec![logistic(-score), logistic(score)],
            (_, &[score]) => *scores = vec![1.0 - score, score],
            _ => self.transform.apply(scores),
        }
    }
}

impl Pairs {
    /// The class that wins most pairs, the first of such, and the scores of the pairs or the classes' probabilities.
    fn decide(&self, compared: &[f32]) -> (usize, Vec<f32>) {
        let classes = self.starts.len() - 1;
        let mut wins = vec![0_usize; classes];
        let mut scores = Vec::with_capacity(self.rho.len());
        for first in 0..classes {
            for second in first + 1..classes {
                let rho = self.rho[scores.len()];
                let sum = self.sum(compared, first, second - 1) + self.sum(compared, second, first);
                let sum = sum + f64::from(rho);
                wins[if sum > 0.0 { first } else { second }] += 1;
                scores.push(single(sum));
            }
        }
        let class = first_greatest(&wins);
        match &self.sigmoids {
            None => (class, scores),
            Some(sigmoids) => (class, probabilities(&scores, sigmoids, classes)),
        }
    }

    /// What the vectors of a class say by the coefficients of that row.
    fn sum(&self, compared: &[f32], class: usize, row: usize) -> f64 {
        let vectors = self.starts[class]..self.starts[class + 1];
        let coefficients = &self.coefficients[row * compared.len()..(row + 1) * compared.len()];
        let mut sum = 0.0;
        for (coefficient, value) in coefficients[vectors.clone()].iter().zip(&compared[vectors]) {
            sum += f64::from(coefficient * value);
        }
        sum
    }
}

#[expect(clippy::cast_possible_truncation, reason = "scores are answered in single precision")]
fn single(sum: f64) -> f32 {
    sum as f32
}

impl Linear {
    fn decide(&self, mut scores: Vec<f32>) -> (usize, Vec<f32>) {
        for score in &mut scores {
            *score += self.rho;
        }
        let greatest = first_greatest(&scores);
        let is_second = match self.rule {
            LinearRule::Greatest => false,
            LinearRule::SecondFromHalf => scores[greatest] >= 0.5,
            LinearRule::SecondAboveZero => scores[greatest] > 0.0,
        };
        (if is_second { 1 } else { greatest }, scores)
    }
}

fn first_greatest<T: PartialOrd>(values: &[T]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}
