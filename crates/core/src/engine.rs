//! The three seams of an engine. Thread contracts stand in the signatures: `&self` with `Sync` is shared by threads,
//! `&mut self` with `Send` belongs to one thread at a time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{LoadError, RunError};
use crate::ledger::Memory;
use crate::progress::Progress;
use crate::request::SharedRun;
use crate::spec::ModelSpec;
use crate::{Dim, Shape, Signature, Tensor, TensorSpec};

/// Turns a model's files into a loaded model.
pub trait Engine: Send + Sync {
    /// The name that `model.toml` may ask for and that logs, metrics and metadata show.
    fn name(&self) -> &'static str;

    /// Whether `[options]` of `model.toml` mean anything to it.
    fn has_options(&self) -> bool {
        false
    }

    /// Reads and prepares the model: the one place where weights come into memory. Called once a model version, on a
    /// thread that may block; reports bytes read to `progress` and stops early when that says so.
    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError>;
}

/// Loaded weights: one copy, shared by every session.
pub trait Model: Send + Sync {
    /// Names, dtypes and shapes of inputs and outputs.
    fn signature(&self) -> &Signature;

    /// How many runs may be under way at once.
    fn contract(&self) -> Contract;

    /// What the model takes in memory, as it is when this is called. Of processes of the model's own it is read from the
    /// kernel, which may take milliseconds; an engine in the server's process tells the weights that it counted while
    /// loading ([`Memory::in_process`]).
    fn memory(&self) -> Memory;

    /// Threads that one run keeps busy, the caller's included.
    fn run_threads(&self) -> usize {
        1
    }

    /// Whether a run may wait for something but its own computation, such as another process: it then always has a
    /// thread of its own.
    fn may_block(&self) -> bool {
        false
    }

    /// Options in effect, as the engine stored them, by key.
    fn options(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// A further right to run. Cheap: it must not load the weights again.
    fn open_session(&self) -> Result<Box<dyn Session>, LoadError>;
}

/// One thread's right to run a model; exclusivity is the `&mut`.
pub trait Session: Send {
    /// Predicts. The inputs fit the model's signature and stand in its order; so must the outputs. A panic is caught by
    /// the caller, who then drops the session and opens another one.
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError>;
}

/// What a model allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contract {
    /// Many sessions run at once on one copy of the weights.
    Shared,
    /// One run at a time.
    Exclusive,
}

/// A contract that is neither `shared` nor `exclusive`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown contract '{0}', expected 'shared' or 'exclusive'")]
pub struct UnknownContract(pub String);

/// Inputs of one run, in the order of the signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    inputs: Vec<Tensor>,
    /// Asked for several times on a request's way.
    byte_len: usize,
}

/// Outputs of one run, in the order of the signature.
pub type Outputs = Vec<Tensor>;

/// The outputs of a shared run, cut up again: what [`Batch::concat`] put together, request by request, of so many rows
/// each. One row of output stands for each row of input.
pub(crate) fn share_rows(outputs: &[Tensor], rows: impl Iterator<Item = usize>) -> impl Iterator<Item = Outputs> {
    let mut end = 0;
    rows.map(move |rows| {
        let start = end;
        end += rows;
        outputs.iter().map(|output| output.rows(start..end)).collect()
    })
}

impl Contract {
    /// The name in `model.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Exclusive => "exclusive",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Contract {
    type Err = UnknownContract;

    fn from_str(name: &str) -> Result<Self, UnknownContract> {
        [Self::Shared, Self::Exclusive]
            .into_iter()
            .find(|contract| contract.as_str() == name)
            .ok_or_else(|| UnknownContract(name.to_owned()))
    }
}

impl Batch {
    /// A batch of inputs that already stand in the signature's order; [`Signature::arrange`] makes one from a request.
    pub fn new(inputs: Vec<Tensor>) -> Self {
        let byte_len = inputs.iter().map(Tensor::byte_len).sum();
        Self { inputs, byte_len }
    }

    /// One row of zeros for each input; none where a signature leaves the number of axes open, or an input holds JSON,
    /// which an empty text is not.
    pub fn zeros(signature: &Signature) -> Option<Self> {
        signature.inputs.iter().map(zero).collect::<Option<_>>().map(Self::new)
    }

    /// The inputs.
    pub fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// Bytes of the inputs in memory.
    pub fn byte_len(&self) -> usize {
        self.byte_len
    }

    /// Whether the rows of both can stand in one batch.
    pub fn has_rows_like(&self, other: &Self) -> bool {
        self.inputs.len() == other.inputs.len()
            && self.inputs.iter().zip(&other.inputs).all(|(own, others)| own.has_rows_like(others))
    }

    /// The rows of all in one batch, each copied once; `None` unless all have rows alike ([`Batch::has_rows_like`]).
    pub fn concat(batches: &[&Self]) -> Option<Self> {
        let first = batches.first()?;
        let input = |position: usize| {
            let parts = batches.iter().map(|batch| batch.inputs.get(position));
            Tensor::concat(&parts.collect::<Option<Vec<_>>>()?)
        };
        (0..first.inputs.len()).map(input).collect::<Option<_>>().map(Self::new)
    }

    /// The run of this batch alone, for one request.
    pub(crate) fn own_run(&self) -> SharedRun {
        SharedRun { rows: self.row_count().unwrap_or(1), ..SharedRun::default() }
    }

    /// The number of rows, if it is not zero and each input has as many.
    pub(crate) fn common_rows(&self) -> Option<usize> {
        let rows = self.row_count().filter(|rows| *rows > 0)?;
        self.inputs.iter().all(|input| input.shape().first() == Some(&rows)).then_some(rows)
    }

    /// Length of the inputs' first axis; `None` without inputs or for a scalar one.
    pub fn row_count(&self) -> Option<usize> {
        self.inputs.first()?.shape().first().copied()
    }
}

fn zero(spec: &TensorSpec) -> Option<Tensor> {
    if spec.content.is_json() {
        return None;
    }
    let axes = spec.dims.as_ref()?.iter().map(|dim| match dim {
        Dim::Fixed(length) => *length,
        Dim::Dynamic(_) => 1,
    });
    Tensor::zeros(spec.dtype, Shape::new(axes)).ok()
}
