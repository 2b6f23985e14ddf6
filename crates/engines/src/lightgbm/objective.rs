//! Objectives: what a model's scores mean. The formulas are those of `ConvertOutput` in LightGBM's `src/objective`.

use loadonce_core::LoadError;

use super::text::Section;
use crate::boosted::Form;

/// From the scores of a row to its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective {
    Identity,
    /// The square, with the sign: regression on square roots.
    Square,
    Exponential,
    /// `log(1 + exp(x))`.
    LogOnePlusExponential,
    Sigmoid,
    /// The logistic function of so many times the score, for two classes.
    Binary {
        slope: f64,
    },
    Softmax,
    /// [`Self::Binary`] for each class against all others.
    OneVersusAll {
        slope: f64,
    },
}

/// Every objective of the engine, for error texts.
const KNOWN: &str = "binary, cross_entropy, cross_entropy_lambda, custom, fair, gamma, huber, lambdarank, mape, multiclass, \
                     multiclassova, poisson, quantile, rank_xendcg, regression, regression_l1, tweedie";

impl Objective {
    /// Of a line such as `objective=binary sigmoid:1`; a model with an objective of its own has none, and its scores are
    /// its answers.
    pub(super) fn read(header: &Section<'_>) -> Result<Self, LoadError> {
        let Some(line) = header.find("objective") else { return Ok(Self::Identity) };
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let parameters: Vec<_> = words.collect();
        let slope = || slope(&parameters).ok_or_else(|| header.corrupt(format!("'objective' is '{line}'")));
        Ok(match name {
            "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => {
                if parameters.contains(&"sqrt") {
                    Self::Square
                } else {
                    Self::Identity
                }
            }
            "lambdarank" | "rank_xendcg" | "custom" | "none" => Self::Identity,
            "poisson" | "gamma" | "tweedie" => Self::Exponential,
            "cross_entropy" => Self::Sigmoid,
            "cross_entropy_lambda" => Self::LogOnePlusExponential,
            "binary" => Self::Binary { slope: slope()? },
            "multiclass" => Self::Softmax,
            "multiclassova" => Self::OneVersusAll { slope: slope()? },
            _ => return Err(header.unsupported(format!("objective '{name}'; the engine has {KNOWN}"))),
        })
    }

    /// The form of the answers of a model with so many scores a row; none if the objective never has so many.
    pub(super) fn form(self, scores: usize) -> Option<Form> {
        match self {
            Self::Binary { .. } => (scores == 1).then_some(Form::Binary),
            Self::Softmax | Self::OneVersusAll { .. } => (scores > 1).then_some(Form::Classes(scores)),
            Self::Identity => Some(Form::Values(scores)),
            _ => (scores == 1).then_some(Form::Values(1)),
        }
    }

    /// For rows of so many scores.
    pub(super) fn transform(self, scores: &mut [f64], width: usize) {
        match self {
            Self::Identity => {}
            Self::Square => each(scores, |score| score * score.abs()),
            Self::Exponential => each(scores, f64::exp),
            Self::LogOnePlusExponential => each(scores, |score| score.exp().ln_1p()),
            Self::Sigmoid => each(scores, |score| 1.0 / (1.0 + (-score).exp())),
            Self::Binary { slope } | Self::OneVersusAll { slope } => {
                each(scores, |score| 1.0 / (1.0 + (-slope * score).exp()));
            }
            Self::Softmax => scores.chunks_exact_mut(width).for_each(softmax),
        }
    }
}

/// The parameter `sigmoid:1`, which is always written.
fn slope(parameters: &[&str]) -> Option<f64> {
    parameters.iter().find_map(|parameter| parameter.strip_prefix("sigmoid:")?.parse().ok())
}

fn each(scores: &mut [f64], change: impl Fn(f64) -> f64) {
    for score in scores {
        *score = change(*score);
    }
}

/// `Common::Softmax`.
fn softmax(scores: &mut [f64]) {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    each(scores, |score| score / sum);
}
