//! What happens to a model's scores last (`post_transform` of the ai.onnx.ml operators).
//!
//! The formulas are those of ONNX Runtime (`onnxruntime/core/providers/cpu/ml/ml_common.h`): the specification names
//! the transforms but does not define them.

use std::f32::consts::{PI, SQRT_2};

use loadonce_core::LoadError;

use crate::tabular::node::Node;

/// A transform of one row of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tabular) enum PostTransform {
    None,
    Softmax,
    Logistic,
    SoftmaxZero,
    Probit,
}

impl PostTransform {
    pub(in crate::tabular) fn read(node: &Node<'_>) -> Result<Self, LoadError> {
        match node.text("post_transform")?.unwrap_or("NONE") {
            "NONE" => Ok(Self::None),
            "SOFTMAX" => Ok(Self::Softmax),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "PROBIT" => Ok(Self::Probit),
            other => Err(node.corrupt(format!("unknown post_transform '{other}'"))),
        }
    }

    /// Transforms the scores of rows of that many columns. To rows of a single one ONNX Runtime applies nothing but
    /// `PROBIT`, although the specification makes no such exception; exporters put an operator of their own behind.
    pub(in crate::tabular) fn apply_rows(self, scores: &mut [f32], columns: usize) {
        match self {
            Self::None => {}
            Self::Probit => change(scores, probit),
            _ if columns < 2 => {}
            _ => scores.chunks_exact_mut(columns).for_each(|row| self.apply(row)),
        }
    }

    /// Transforms the scores of one row, of two or more classes or targets.
    pub(in crate::tabular) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Softmax => softmax(scores),
            Self::Logistic => change(scores, logistic),
            Self::SoftmaxZero => softmax_zero(scores),
            Self::Probit => change(scores, probit),
        }
    }
}

fn change(scores: &mut [f32], transform: impl Fn(f32) -> f32) {
    for score in scores {
        *score = transform(*score);
    }
}

/// The logistic function, computed from the side on which the exponential is small.
pub(in crate::tabular) fn logistic(score: f32) -> f32 {
    let upper = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - upper } else { upper }
}

fn softmax(scores: &mut [f32]) {
    let max = maximum(scores);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - max).exp();
        sum += *score;
    }
    change(scores, |score| score / sum);
}

/// Scores within this distance of zero are zero to `SOFTMAX_ZERO`.
const ZERO: f32 = 0.000_000_1;

/// A softmax in which scores of zero stay zero.
fn softmax_zero(scores: &mut [f32]) {
    let max = maximum(scores);
    let zero_factor = (-max).exp();
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if score.abs() > ZERO {
            *score = (*score - max).exp();
            sum += *score;
        } else {
            *score *= zero_factor;
        }
    }
    change(scores, |score| score / sum);
}

fn maximum(scores: &[f32]) -> f32 {
    scores.iter().fold(f32::MIN, |max, &score| if score > max { score } else { max })
}

/// The quantile function of the normal distribution, as far as the approximation goes.
fn probit(score: f32) -> f32 {
    SQRT_2 * inverse_error_function(2.0 * score - 1.0)
}

/// Winitzki's approximation of the inverse of the error function.
fn inverse_error_function(value: f32) -> f32 {
    const FACTOR: f32 = 0.147;
    let log = ((1.0 - value) * (1.0 + value)).ln();
    let half = 2.0 / (PI * FACTOR) + 0.5 * log;
    let root = (-half + (half * half - log / FACTOR).sqrt()).sqrt();
    if value < 0.0 { -root } else { root }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(transform: PostTransform, scores: &[f32]) -> Vec<f32> {
        let mut scores = scores.to_vec();
        transform.apply(&mut scores);
        scores
    }

    fn assert_near(got: &[f32], expected: &[f32]) {
        let near = |(got, expected): (&f32, &f32)| (got - expected).abs() < 1e-6 || got.total_cmp(expected).is_eq();
        assert!(got.len() == expected.len() && got.iter().zip(expected).all(near), "{got:?} is not {expected:?}");
    }

    #[test]
    fn transforms_equal_their_formulas() {
        // exp(0.5) / (exp(0.5) + exp(-0.25)) = 0.679179
        assert_near(&applied(PostTransform::Softmax, &[0.5, -0.25]), &[0.679_178_7, 0.320_821_3]);
        assert_near(&applied(PostTransform::Logistic, &[0.5, -0.25]), &[0.622_459_35, 0.437_823_5]);
        assert_near(&applied(PostTransform::None, &[0.5, -0.25]), &[0.5, -0.25]);
        // exp(1) / (exp(1) + exp(2)) = 0.268941
        assert_near(&applied(PostTransform::SoftmaxZero, &[1.0, 0.0, 2.0]), &[0.268_941_43, 0.0, 0.731_058_6]);
    }

    #[test]
    fn probit_is_the_normal_quantile() {
        // The quantile of 0.75 is 0.674490, the approximation is off by 1e-4.
        assert_near(&applied(PostTransform::Probit, &[0.75, 0.5, 0.0]), &[0.674_574_3, 0.0, f32::NEG_INFINITY]);
        assert!(applied(PostTransform::Probit, &[-0.5, 1.5]).iter().all(|score| score.is_nan()));
    }

    #[test]
    fn a_softmax_of_large_scores_does_not_overflow() {
        assert_near(&applied(PostTransform::Softmax, &[1000.0, 1000.0]), &[0.5, 0.5]);
    }
}
