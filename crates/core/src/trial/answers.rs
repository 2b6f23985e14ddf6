//! Answers, and whether a later one is the same.

use super::Difference;
use super::cases::Case;
use crate::engine::Outputs;
use crate::sample::{compare, named};
use crate::signature::Signature;
use crate::tensor::raw;

/// A request with the answer that all others to it are compared with.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) case: Case,
    pub(super) outputs: Outputs,
}

/// How two answers compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    /// Bit for bit.
    Exact,
    /// Within the tolerance of the request's sample.
    Close,
    Different(Difference),
}

impl Answered {
    /// Compares an answer with the first one.
    pub(super) fn against(&self, got: &Outputs, signature: &Signature) -> Sameness {
        let same_bits = |(one, other)| raw::to_bytes(one) == raw::to_bytes(other);
        let same_form = self.outputs.iter().zip(got).all(|(one, other)| one.shape() == other.shape());
        if same_form && self.outputs.iter().zip(got).all(same_bits) {
            return Sameness::Exact;
        }
        let [expected, got] = [&self.outputs, got].map(|outputs| named(&signature.outputs, outputs));
        match compare(signature, &expected, &got, &self.case.tolerance) {
            Ok(()) => Sameness::Close,
            Err(mismatch) => {
                Sameness::Different(Difference { case: self.case.to_string(), what: mismatch.to_string() })
            }
        }
    }
}
