//! A prediction as every protocol brings it, and its answer.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::Tensor;

/// A tensor with the name of its input or output.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// The name, as the model's signature has it.
    pub name: String,
    /// The elements.
    pub tensor: Tensor,
}

/// A request parameter (Open Inference Protocol v2, "Inference Request": string, number or boolean).
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// A truth value.
    Bool(bool),
    /// A whole number below zero or of no special kind.
    Int64(i64),
    /// A whole number above the range of `Int64`.
    Uint64(u64),
    /// Any other number.
    Double(f64),
    /// Text.
    String(String),
}

/// What a caller asks of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferRequest {
    /// Echoed in the answer.
    pub id: Option<String>,
    /// The inputs, in any order.
    pub inputs: Vec<NamedTensor>,
    /// Names of the outputs wanted; empty for all.
    pub outputs: Vec<String>,
    /// Who has the lower one is run first; the model's own where there is none.
    pub priority: Option<NonZeroU32>,
    /// Time that the caller gives, waiting included; the model's own limit holds besides.
    pub timeout: Option<Duration>,
    /// Free parameters of the request.
    pub parameters: BTreeMap<String, Parameter>,
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct InferResponse {
    /// The request's id.
    pub id: Option<String>,
    /// The outputs, in the order asked for.
    pub outputs: Vec<NamedTensor>,
    /// Where the time went.
    pub timing: Timing,
}

/// A run, as one of its requests sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedRun {
    /// Requests that shared the run, this one included.
    pub requests: usize,
    /// Rows of the run: of the first axis of its first input, 1 where there is none.
    pub rows: usize,
    /// Whether this request is the first one that was answered. One of each run is, so whoever counts those counts runs.
    pub leads: bool,
}

impl Default for SharedRun {
    /// A run of one row for one request.
    fn default() -> Self {
        Self { requests: 1, rows: 1, leads: true }
    }
}

/// Where a request's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From admission until a session took the request.
    pub queue: Duration,
    /// In the model.
    pub run: Duration,
    /// The run that the request was part of.
    pub shared: SharedRun,
    /// Whether it was run where it arrived, without a change of threads.
    pub is_direct: bool,
}
