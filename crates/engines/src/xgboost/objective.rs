//! Objectives: what a model's scores mean. The formulas are those of XGBoost's `src/objective` and `src/common/math.h`,
//! in single precision.

use loadonce_core::{LoadError, LoadErrorKind};

use crate::boosted::Form;

/// What an objective makes of the base score and of the scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Objective {
    link: Link,
    transform: Transform,
    answer: Answer,
}

/// From the base score, which is in the terms of the answer, to the score that the trees add to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Identity,
    Logit,
    Log,
}

/// From the scores of a row to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transform {
    Identity,
    Sigmoid,
    Exponential,
    Softmax,
    /// 1 above zero, else 0.
    Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Values,
    Probability,
    Classes,
    Decision,
}

/// Every objective of the engine.
const OBJECTIVES: [(&str, Objective); 20] = [
    ("binary:hinge", Objective::new(Link::Identity, Transform::Step, Answer::Decision)),
    ("binary:logistic", Objective::new(Link::Logit, Transform::Sigmoid, Answer::Probability)),
    // Its base score is a score already, unlike that of the other logistic objectives.
    ("binary:logitraw", Objective::IDENTITY),
    ("count:poisson", Objective::new(Link::Log, Transform::Exponential, Answer::Values)),
    ("multi:softmax", Objective::new(Link::Identity, Transform::Softmax, Answer::Classes)),
    ("multi:softprob", Objective::new(Link::Identity, Transform::Softmax, Answer::Classes)),
    ("rank:map", Objective::IDENTITY),
    ("rank:ndcg", Objective::IDENTITY),
    ("rank:pairwise", Objective::IDENTITY),
    ("reg:absoluteerror", Objective::IDENTITY),
    ("reg:gamma", Objective::new(Link::Log, Transform::Exponential, Answer::Values)),
    ("reg:linear", Objective::IDENTITY),
    ("reg:logistic", Objective::new(Link::Logit, Transform::Sigmoid, Answer::Values)),
    ("reg:pseudohubererror", Objective::IDENTITY),
    ("reg:quantileerror", Objective::IDENTITY),
    ("reg:squarederror", Objective::IDENTITY),
    ("reg:squaredlogerror", Objective::IDENTITY),
    ("reg:tweedie", Objective::new(Link::Log, Transform::Exponential, Answer::Values)),
    ("survival:aft", Objective::new(Link::Log, Transform::Exponential, Answer::Values)),
    ("survival:cox", Objective::new(Link::Log, Transform::Exponential, Answer::Values)),
];

impl Objective {
    const IDENTITY: Self = Self::new(Link::Identity, Transform::Identity, Answer::Values);

    const fn new(link: Link, transform: Transform, answer: Answer) -> Self {
        Self { link, transform, answer }
    }

    pub(super) fn find(name: &str) -> Result<Self, LoadError> {
        let found = OBJECTIVES.iter().find(|(known, _)| *known == name);
        found.map(|(_, objective)| *objective).ok_or_else(|| {
            let known: Vec<_> = OBJECTIVES.iter().map(|(known, _)| *known).collect();
            let detail = format!("objective '{name}'; the engine has {}", known.join(", "));
            LoadError::new(LoadErrorKind::Unsupported, detail)
        })
    }

    /// The form of the answers of a model with so many scores a row.
    pub(super) fn form(self, scores: usize) -> Form {
        match (self.answer, scores) {
            (Answer::Values, _) => Form::Values(scores),
            (Answer::Probability, 1) => Form::Binary,
            (Answer::Probability, _) => Form::Labels(scores),
            (Answer::Classes, _) => Form::Classes(scores),
            (Answer::Decision, _) => Form::Decisions(scores),
        }
    }

    /// `ProbToMargin`.
    pub(super) fn margin(self, base_score: f32) -> f32 {
        match self.link {
            Link::Identity => base_score,
            Link::Logit => -(1.0 / base_score - 1.0).ln(),
            Link::Log => base_score.ln(),
        }
    }

    /// `PredTransform`, for rows of so many scores.
    pub(super) fn transform(self, scores: &mut [f32], width: usize) {
        match self.transform {
            Transform::Identity => {}
            Transform::Sigmoid => each(scores, sigmoid),
            Transform::Exponential => each(scores, f32::exp),
            Transform::Softmax => scores.chunks_exact_mut(width).for_each(softmax),
            Transform::Step => each(scores, |score| f32::from(u8::from(score > 0.0))),
        }
    }
}

fn each(scores: &mut [f32], change: impl Fn(f32) -> f32) {
    for score in scores {
        *score = change(*score);
    }
}

/// `Sigmoid` of `math.h`; the bound keeps the exponential finite.
fn sigmoid(score: f32) -> f32 {
    1.0 / ((-score).min(88.7).exp() + 1.0 + 1e-16)
}

/// `Softmax` of `math.h`, which adds up in double precision.
#[expect(clippy::cast_possible_truncation, reason = "the sum is rounded as XGBoost does")]
fn softmax(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0_f64;
    for score in &mut *scores {
        *score = (*score - greatest).exp();
        sum += f64::from(*score);
    }
    each(scores, |score| score / sum as f32);
}
