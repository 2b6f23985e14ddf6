//! `LinearClassifier` and `LinearRegressor` (ai.onnx.ml 1): scores are `x * coefficients + intercepts`, one row of
//! coefficients for each class or target.
//!
//! Both take numbers `[N,C]` or `[C]` and count in single precision. The regressor gives `FP32 [N,targets]`; the
//! classifier gives labels `[N]`, `INT64` or `BYTES`, and `FP32 [N,classes]`.

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::post_transform::{PostTransform, logistic};
use crate::tabular::kernel::{Extent, Inputs, Kernel, NUMBERS, Prepared, Table, Value, tensor};
use crate::tabular::labels::Labels;
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;

/// The linear part of both operators.
#[derive(Debug)]
struct Weights {
    /// Columns by scores: `[width, scores]`, so that the scores of a row are summed side by side.
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    width: usize,
}

#[derive(Debug)]
struct Classifier {
    weights: Weights,
    labels: Labels,
    scores: Scores,
    transform: PostTransform,
}

/// How a classifier's scores become columns and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scores {
    /// One score for each of two or more classes; the greatest wins.
    Each,
    /// One score for the second of two classes, from which the first one's follows; the second wins above zero.
    Second,
    /// One score and no names: classes 0 and 1, and a single column.
    Single,
}

#[derive(Debug)]
struct Regressor {
    weights: Weights,
    transform: PostTransform,
}

pub(super) fn prepare_classifier(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let table = numbers(node, inputs)?;
    let labels = Labels::read(node, "classlabels_ints", "classlabels_strings")?;
    let intercepts = node.floats("intercepts")?;
    // The specification does not require intercepts; without them there is one score for each class.
    let score_count = if intercepts.is_empty() { labels.len() } else { intercepts.len() };
    let weights = Weights::read(node, &table, score_count)?;
    let transform = PostTransform::read(node)?;
    let (scores, labels) = arrangement(node, score_count, labels)?;
    if scores == Scores::Second && transform == PostTransform::Probit {
        return Err(node.unsupported("post_transform 'PROBIT' on the single score of two classes is not defined"));
    }
    let columns = if scores == Scores::Second { 2 } else { score_count };
    let label = Value::new(labels.dtype(), Some(vec![table.rows.clone()]));
    let score = Value::new(DType::Fp32, Some(vec![table.rows, Dim::Fixed(columns)]));
    let score = if scores == Scores::Single { score } else { score.with_labels(labels.texts()) };
    let kernel = Classifier { weights, labels, scores, transform };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![label, score] })
}

pub(super) fn prepare_regressor(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let table = numbers(node, inputs)?;
    let targets = node.int("targets")?.unwrap_or(1);
    let targets = usize::try_from(targets).map_err(|_| node.corrupt(format!("{targets} targets")))?;
    let weights = Weights::read(node, &table, targets)?;
    let output = Value::new(DType::Fp32, Some(vec![table.rows, Dim::Fixed(targets)]));
    let kernel = Regressor { weights, transform: PostTransform::read(node)? };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

/// ONNX Runtime's regressor takes `FP32` only; the specification allows all numbers, which are rounded to it here as
/// its classifier does.
fn numbers(node: &Node<'_>, inputs: &[Value]) -> Result<Table, LoadError> {
    inputs[0].expect(&NUMBERS, node)?;
    inputs[0].table(node)
}

fn arrangement(node: &Node<'_>, score_count: usize, labels: Labels) -> Result<(Scores, Labels), LoadError> {
    match (score_count, labels.len()) {
        (1, 2) => Ok((Scores::Second, labels)),
        (1, 0) => Ok((Scores::Single, Labels::Ints(vec![0, 1]))),
        (scores, classes) if scores > 1 && scores == classes => Ok((Scores::Each, labels)),
        (scores, classes) => Err(node.corrupt(format!("{scores} rows of coefficients for {classes} class labels"))),
    }
}

impl Weights {
    fn read(node: &Node<'_>, table: &Table, score_count: usize) -> Result<Self, LoadError> {
        let coefficients = node.floats("coefficients")?;
        if score_count == 0 || coefficients.is_empty() || !coefficients.len().is_multiple_of(score_count) {
            return Err(node.corrupt(format!("{} coefficients for {score_count} scores", coefficients.len())));
        }
        let width = coefficients.len() / score_count;
        table.expect_width(width, node)?;
        let intercepts = intercepts(node, score_count)?;
        let transposed = (0..width).flat_map(|column| coefficients.iter().skip(column).step_by(width).copied());
        Ok(Self { coefficients: transposed.collect(), intercepts, width })
    }

    fn score_count(&self) -> usize {
        self.intercepts.len()
    }

    /// The scores of all rows, `[rows, scores]`, and the number of rows.
    fn scores(&self, input: &Tensor) -> Result<(usize, Vec<f32>), RunError> {
        let extent = Extent::of(input)?.expect_width(self.width)?;
        let values = f32::of(input)?;
        let mut scores = vec![0.0; extent.rows * self.score_count()];
        let rows = values.chunks_exact(self.width).zip(scores.chunks_exact_mut(self.score_count()));
        for (row, scores) in rows {
            self.add_row(row, scores);
        }
        Ok((extent.rows, scores))
    }

    fn add_row(&self, row: &[f32], scores: &mut [f32]) {
        for (&value, coefficients) in row.iter().zip(self.coefficients.chunks_exact(self.score_count())) {
            for (score, &coefficient) in scores.iter_mut().zip(coefficients) {
                *score += value * coefficient;
            }
        }
        for (score, &intercept) in scores.iter_mut().zip(&self.intercepts) {
            *score += intercept;
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.coefficients) + size_of_val(&*self.intercepts)
    }
}

/// skl2onnx writes a single zero for models of several targets that were fitted without intercepts.
fn intercepts(node: &Node<'_>, score_count: usize) -> Result<Vec<f32>, LoadError> {
    let intercepts = node.floats("intercepts")?;
    if intercepts.len() == score_count {
        return Ok(intercepts.to_vec());
    }
    if intercepts.iter().all(|&intercept| intercept == 0.0) {
        return Ok(vec![0.0; score_count]);
    }
    Err(node.corrupt(format!("{} intercepts for {score_count} scores", intercepts.len())))
}

impl Kernel for Regressor {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (rows, mut scores) = self.weights.scores(inputs.get(0)?)?;
        let targets = self.weights.score_count();
        self.transform.apply_rows(&mut scores, targets);
        outputs.push(tensor(Shape::new([rows, targets]), scores)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }
}

impl Kernel for Classifier {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (rows, mut scores) = self.weights.scores(inputs.get(0)?)?;
        let (classes, columns, scores) = match self.scores {
            Scores::Each => {
                let count = self.weights.score_count();
                let classes: Vec<_> = scores.chunks_exact(count).map(greatest).collect();
                self.transform.apply_rows(&mut scores, count);
                (classes, count, scores)
            }
            Scores::Second => (above_zero(&scores), 2, scores.iter().flat_map(|&score| self.both(score)).collect()),
            Scores::Single => {
                let classes = above_zero(&scores);
                self.transform.apply_rows(&mut scores, 1);
                (classes, 1, scores)
            }
        };
        outputs.push(self.labels.tensor(&classes)?);
        outputs.push(tensor(Shape::new([rows, columns]), scores)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }
}

impl Classifier {
    /// The scores of both classes from that of the second. The specification does not say how; ONNX Runtime takes the
    /// complement to one whatever the transform, except for `LOGISTIC`.
    fn both(&self, score: f32) -> [f32; 2] {
        match self.transform {
            PostTransform::Logistic => [logistic(-score), logistic(score)],
            _ => [1.0 - score, score],
        }
    }
}

/// The first of the greatest scores.
fn greatest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, &score) in scores.iter().enumerate() {
        if score > scores[best] {
            best = class;
        }
    }
    best
}

fn above_zero(scores: &[f32]) -> Vec<usize> {
    scores.iter().map(|&score| usize::from(score > 0.0)).collect()
}

#[cfg(test)]
mod tests {
    use loadonce_core::{DType, Tensor};

    use crate::onnx::proto::NodeProto;
    use crate::onnx::testing::{
        Value::{Floats, Int, Ints, Text, Texts},
        ml_node,
    };
    use crate::tabular::testing::{assert_floats, floats, load_error, numbers, run, run_error};

    fn classifier(coefficients: &[f32], intercepts: &[f32], transform: &str) -> NodeProto {
        ml_node("LinearClassifier", &["x"], &["label", "y"])
            .with("coefficients", Floats(coefficients))
            .with("intercepts", Floats(intercepts))
            .with("post_transform", Text(transform))
    }

    fn rows() -> Tensor {
        floats(&[2, 2], &[0.25, 0.5, -1.0, 0.25])
    }

    #[test]
    fn the_greatest_score_names_the_class() {
        let node = classifier(&[1.0, 0.5, 0.25, -1.0], &[0.125, 0.0], "NONE").with("classlabels_ints", Ints(&[3, 7]));
        let outputs = run(node, rows());
        assert_eq!(outputs[0], numbers::<i64>(&[2], &[3, 7]));
        assert_eq!(outputs[1], floats(&[2, 2], &[0.625, -0.4375, -0.75, -0.5]));
    }

    #[test]
    fn scores_are_transformed_after_the_class_is_chosen() {
        let node = classifier(&[1.0, 0.5, 0.25, -1.0], &[0.125, 0.0], "SOFTMAX")
            .with("classlabels_strings", Texts(&["no", "yes"]));
        let outputs = run(node, rows());
        assert_eq!(outputs[0].as_strings().unwrap(), ["no", "yes"]);
        assert_floats(outputs[1].as_slice().unwrap(), &[0.743_168, 0.256_832, 0.437_823_5, 0.562_176_5]);
    }

    #[test]
    fn one_score_for_two_classes_gives_two_columns() {
        let node = |transform| classifier(&[1.0, 0.5], &[0.125], transform).with("classlabels_ints", Ints(&[3, 7]));
        let outputs = run(node("NONE"), rows());
        assert_eq!(outputs[0], numbers::<i64>(&[2], &[7, 3]));
        assert_eq!(outputs[1], floats(&[2, 2], &[0.375, 0.625, 1.75, -0.75]));
        assert_eq!(run(node("SOFTMAX"), rows())[1], floats(&[2, 2], &[0.375, 0.625, 1.75, -0.75]));
        let outputs = run(node("LOGISTIC"), rows());
        assert_floats(outputs[1].as_slice().unwrap(), &[0.348_645_1, 0.651_354_9, 0.679_178_7, 0.320_821_3]);
        let error = load_error(node("PROBIT"), &["", "2"]);
        assert_eq!(error.kind(), loadonce_core::LoadErrorKind::Unsupported);
    }

    #[test]
    fn one_score_without_names_gives_one_column_and_classes_0_and_1() {
        let outputs = run(classifier(&[1.0, 0.5], &[0.125], "LOGISTIC"), rows());
        assert_eq!(outputs[0], numbers::<i64>(&[2], &[1, 0]));
        assert_eq!(outputs[1], floats(&[2, 1], &[0.625, -0.75]));
    }

    #[test]
    fn a_regressor_gives_a_column_for_each_target() {
        let node = ml_node("LinearRegressor", &["x"], &["y"]).with("coefficients", Floats(&[1.0, 0.5]));
        assert_eq!(run(node.clone(), rows())[0], floats(&[2, 1], &[0.5, -0.875]));
        let single = node.with("intercepts", Floats(&[0.125])).with("post_transform", Text("LOGISTIC"));
        assert_eq!(run(single, rows())[0], floats(&[2, 1], &[0.625, -0.75]));
        let node = ml_node("LinearRegressor", &["x"], &["y"])
            .with("coefficients", Floats(&[1.0, 0.5, 0.25, -1.0]))
            .with("targets", Int(2))
            .with("intercepts", Floats(&[0.0]));
        assert_eq!(run(node, numbers::<i64>(&[2], &[2, 1]))[0], floats(&[1, 2], &[2.5, -0.5]));
    }

    #[test]
    fn attributes_must_agree_with_each_other_and_the_input() {
        let node = classifier(&[1.0, 0.5], &[0.125], "NONE").with("classlabels_ints", Ints(&[3]));
        assert!(load_error(node, &["", "2"]).detail().ends_with("1 rows of coefficients for 1 class labels"));
        let node = classifier(&[1.0, 0.5, 2.0], &[0.125, 1.0], "NONE").with("classlabels_ints", Ints(&[3, 7]));
        assert!(load_error(node, &["", "2"]).detail().ends_with("3 coefficients for 2 scores"));
        let node = classifier(&[1.0, 0.5], &[0.125], "SOFTMIN").with("classlabels_ints", Ints(&[3, 7]));
        assert!(load_error(node, &["", "2"]).detail().ends_with("unknown post_transform 'SOFTMIN'"));
        let node = ml_node("LinearRegressor", &["x"], &["y"])
            .with("coefficients", Floats(&[1.0, 0.5]))
            .with("targets", Int(-1));
        assert!(load_error(node, &["", "2"]).detail().ends_with("-1 targets"));
        let node = classifier(&[1.0, 0.5], &[0.125], "NONE").with("classlabels_ints", Ints(&[3, 7]));
        assert!(run_error(node, floats(&[1, 3], &[0.0; 3])).to_string().ends_with("expected 2 columns, got 3"));
    }

    #[test]
    fn an_empty_batch_gives_empty_answers() {
        let node = classifier(&[1.0, 0.5], &[0.125], "NONE").with("classlabels_ints", Ints(&[3, 7]));
        let outputs = run(node, floats(&[0, 2], &[]));
        assert_eq!((outputs[0].len(), outputs[1].len(), outputs[1].dtype()), (0, 0, DType::Fp32));
    }
}
