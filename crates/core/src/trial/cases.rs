//! What is asked: the model's samples, variations of them, and where there is none, requests made from the signature.
//!
//! All of it is bounded and seeded. A variation has each float of a sample times 0.9 to 1.1; integers, truth values and
//! texts stay as they are. A model may refuse what is made.

use std::fmt;

use fastrand::Rng;

use super::Subject;
use crate::engine::{Batch, Session};
use crate::error::LoadError;
use crate::queue::run_checked;
use crate::sample::{RequestMaker, Sample, Tolerance};
use crate::tensor::{DType, Tensor};

/// Samples beyond these are not asked.
const MOST_SAMPLES: usize = 64;

/// Requests that there are at least, if the model takes what is made.
const ENOUGH: usize = 8;

/// Tries to make one more.
const TRIES: usize = 32;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A sample.
    Sample,
    /// A sample with other floats.
    Variation,
    /// The signature.
    Signature,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) origin: Origin,
    pub(super) name: String,
    pub(super) batch: Batch,
    pub(super) tolerance: Tolerance,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sample => "sample",
            Self::Variation => "variation",
            Self::Signature => "request made from the signature",
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Sample => write!(formatter, "sample '{}'", self.name),
            Origin::Variation => write!(formatter, "a variation of sample '{}'", self.name),
            Origin::Signature => write!(formatter, "request {} made from the signature", self.name),
        }
    }
}

/// How many there are of each origin.
pub(super) fn count(cases: &[Case]) -> Vec<(Origin, usize)> {
    let count = |origin| (origin, cases.iter().filter(|case| case.origin == origin).count());
    [Origin::Sample, Origin::Variation, Origin::Signature]
        .map(count)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The requests of a model: those that it answers.
pub(super) fn make(subject: &Subject, samples: &[Sample], seed: u64) -> Result<Vec<Case>, LoadError> {
    let (mut rng, mut maker) = (Rng::with_seed(seed), RequestMaker::new(seed));
    let mut cases: Vec<_> = samples.iter().take(MOST_SAMPLES).filter_map(|sample| of_sample(subject, sample)).collect();
    let given = cases.len();
    let mut session = subject.model.open_session()?;
    for number in 1..=TRIES {
        if cases.len() >= ENOUGH {
            break;
        }
        let made = match given {
            0 => of_signature(subject, number, &mut maker),
            given => variation(&cases[rng.usize(..given)], &mut rng),
        };
        let Some(case) = made.filter(|made| cases.iter().all(|case| case.batch != made.batch)) else { continue };
        if is_answered(&mut session, subject, &case)? {
            cases.push(case);
        }
    }
    Ok(cases)
}

fn of_sample(subject: &Subject, sample: &Sample) -> Option<Case> {
    let batch = subject.signature.arrange(sample.request.inputs.clone()).ok()?;
    Some(Case { origin: Origin::Sample, name: sample.name.clone(), batch, tolerance: sample.tolerance })
}

/// None where the sample has no floats.
fn variation(case: &Case, rng: &mut Rng) -> Option<Case> {
    let inputs: Vec<_> = case.batch.inputs().iter().map(|input| varied(input, rng)).collect::<Option<_>>()?;
    Some(Case { origin: Origin::Variation, batch: Batch::new(inputs), ..case.clone() })
}

fn varied(input: &Tensor, rng: &mut Rng) -> Option<Tensor> {
    match input.dtype() {
        DType::Fp32 => {
            let elements = input.as_slice::<f32>().ok()?.iter().map(|element| element * (0.9 + 0.2 * rng.f32()));
            Tensor::from_vec(input.shape().clone(), elements.collect()).ok()
        }
        DType::Fp64 => {
            let elements = input.as_slice::<f64>().ok()?.iter().map(|element| element * (0.9 + 0.2 * rng.f64()));
            Tensor::from_vec(input.shape().clone(), elements.collect()).ok()
        }
        _ => Some(input.clone()),
    }
}

/// None where the signature does not say enough, or the elements are JSON.
fn of_signature(subject: &Subject, number: usize, maker: &mut RequestMaker) -> Option<Case> {
    let batch = subject.signature.arrange(maker.make(&subject.signature)?).ok()?;
    Some(Case { origin: Origin::Signature, name: number.to_string(), batch, tolerance: Tolerance::default() })
}

/// Whether the model takes the request; a session that ended with it is opened anew.
fn is_answered(session: &mut Box<dyn Session>, subject: &Subject, case: &Case) -> Result<bool, LoadError> {
    match run_checked(&mut **session, &case.batch, &subject.signature) {
        Ok(_) => Ok(true),
        Err(error) => {
            tracing::debug!(%error, %case, "left out");
            if error.ends_session() {
                *session = subject.model.open_session()?;
            }
            Ok(false)
        }
    }
}
