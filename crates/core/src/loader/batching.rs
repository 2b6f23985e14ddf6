//! Whether requests of a model may share runs: not assumed from its shapes, but tried with its samples.
//!
//! A free first axis says that a model takes any number of rows, not that each row's answer is its own: a softmax over the
//! wrong axis, or a norm over the batch, gives a neighbour's rows a say. So samples are answered one by one and then
//! together, in both orders, and every row must come out the same.

use super::gain;
use crate::engine::{Batch, Outputs, Session, share_rows};
use crate::error::RunError;
use crate::queue::{Sharing, run_checked};
use crate::request::NamedTensor;
use crate::sample::{Example, Mismatch, Sample, Tolerance, compare, named};
use crate::signature::Signature;
use crate::spec::{Batching, ModelSpec, SharedRuns};
use crate::status::BatchingRecord;
use crate::{LoadError, LoadErrorKind, Tensor};

/// Samples that are tried together.
const MOST_TRIED: usize = 8;

/// A request and its answer when it is alone.
struct Trial {
    batch: Batch,
    outputs: Outputs,
    tolerance: Tolerance,
}

/// What was settled.
pub(super) struct Settled {
    /// The limits that hold.
    pub(super) sharing: Sharing,
    pub(super) record: BatchingRecord,
    /// Whether the session must not be used again.
    pub(super) has_ended: bool,
}

/// How rows that are answered together differ from the same rows alone.
#[derive(Debug, thiserror::Error)]
enum Difference {
    #[error(transparent)]
    Failure(#[from] RunError),
    #[error(transparent)]
    Rows(#[from] Mismatch),
}

/// The limits that hold, and why, from samples and what the model has `answered` to each. It is an error to ask for
/// shared runs of a model that they would give wrong answers.
pub(super) fn settle(
    spec: &ModelSpec,
    signature: &Signature,
    session: &mut dyn Session,
    samples: &[Sample],
    answered: &[Example],
) -> Result<Settled, LoadError> {
    let asked = spec.batching;
    if asked.shared_runs == SharedRuns::Never {
        return Ok(off("model.toml says so"));
    }
    if !signature.is_batchable() {
        return match asked.shared_runs {
            SharedRuns::Always => Err(impossible(signature)),
            _ => Ok(off("the model's first axis is not free")),
        };
    }
    let trials = trials(samples, answered);
    match (differs(&trials, signature, session), asked.shared_runs) {
        (Some(difference), SharedRuns::Always) => Err(wrong(&difference)),
        (Some(difference), _) => {
            let has_ended = matches!(&difference, Difference::Failure(error) if error.ends_session());
            Ok(Settled { has_ended, ..off(&format!("rows are not answered alike together: {difference}")) })
        }
        (None, SharedRuns::Always) => Ok(on(asked, Batching::MOST_ROWS, "model.toml says so")),
        (None, _) if trials.len() < 2 => Ok(off("it takes two samples of one shape to try it")),
        (None, _) => Ok(proven(asked, &trials, session)),
    }
}

/// The limits for rows that may share a run: those that the operator set, else as many rows as make one cheaper.
fn proven(asked: Batching, trials: &[Trial], session: &mut dyn Session) -> Settled {
    let proof = format!("{} samples are answered alike, alone and together", trials.len());
    let shortest = trials.iter().map(|trial| &trial.batch).min_by_key(|batch| batch.common_rows());
    let (Some(sample), None) = (shortest, asked.max_rows) else { return on(asked, Batching::MOST_ROWS, &proof) };
    let measured = match gain::measure(session, sample, Batching::MOST_ROWS) {
        Ok(measured) => measured,
        Err(error) => {
            let has_ended = error.ends_session();
            return Settled { has_ended, ..off(&format!("a sample's rows are not answered several times: {error}")) };
        }
    };
    match (measured.first(), gain::choose(&measured), measured.last()) {
        (Some(alone), Some(best), Some(most)) if best == alone => {
            off(&format!("{proof}, but a row takes {} alone and {} among {}", alone.row(), most.row(), most.rows))
        }
        (Some(alone), Some(best), _) => {
            let gain = format!("a row takes {} alone and {} among {}", alone.row(), best.row(), best.rows);
            on(asked, best.rows, &format!("{proof}; {gain}"))
        }
        _ => on(asked, Batching::MOST_ROWS, &proof),
    }
}

/// Runs are shared; by so many rows unless the operator set how many.
fn on(asked: Batching, max_rows: usize, reason: &str) -> Settled {
    let rows = asked.max_rows.unwrap_or(max_rows);
    let record = BatchingRecord { max_rows: rows, reason: reason.to_owned() };
    let sharing = Sharing { rows, bytes: asked.max_bytes, delay: asked.max_delay };
    Settled { sharing, record, has_ended: false }
}

fn off(reason: &str) -> Settled {
    let record = BatchingRecord { max_rows: 1, reason: reason.to_owned() };
    Settled { sharing: Sharing::OFF, record, has_ended: false }
}

/// Samples of the first one's shape, each with the answer that the model gave to it alone.
fn trials(samples: &[Sample], answered: &[Example]) -> Vec<Trial> {
    let mut trials: Vec<Trial> = Vec::new();
    for (sample, example) in samples.iter().zip(answered) {
        let batch = Batch::new(tensors(&example.inputs));
        let like = trials.first().is_none_or(|first| first.batch.has_rows_like(&batch));
        if !like || batch.common_rows().is_none() || trials.iter().any(|trial| trial.batch == batch) {
            continue;
        }
        trials.push(Trial { batch, outputs: tensors(&example.outputs), tolerance: sample.tolerance });
        if trials.len() == MOST_TRIED {
            break;
        }
    }
    trials
}

fn tensors(named: &[NamedTensor]) -> Vec<Tensor> {
    named.iter().map(|named| named.tensor.clone()).collect()
}

/// How an answer changes when requests share a run, if one does.
fn differs(trials: &[Trial], signature: &Signature, session: &mut dyn Session) -> Option<Difference> {
    let forward: Vec<_> = trials.iter().collect();
    let backward: Vec<_> = trials.iter().rev().collect();
    [forward, backward].iter().find_map(|order| together(order, signature, session).err())
}

fn together(trials: &[&Trial], signature: &Signature, session: &mut dyn Session) -> Result<(), Difference> {
    let batches: Vec<_> = trials.iter().map(|trial| &trial.batch).collect();
    let Some(batch) = Batch::concat(&batches) else { return Ok(()) };
    let outputs = run_checked(session, &batch, signature)?;
    let rows = batches.iter().map(|batch| batch.common_rows().unwrap_or_default());
    for (trial, own) in trials.iter().zip(share_rows(&outputs, rows)) {
        let [alone, among] = [&trial.outputs, &own].map(|outputs| named(&signature.outputs, outputs));
        compare(signature, &alone, &among, &trial.tolerance)?;
    }
    Ok(())
}

fn impossible(signature: &Signature) -> LoadError {
    let fixed = signature.inputs.iter().chain(&signature.outputs).find(|spec| !spec.has_free_rows());
    let detail = match fixed {
        Some(spec) => format!("batching is enabled, but '{}' is {spec}: its first axis is not free", spec.name),
        None => "batching is enabled, but inputs and outputs do not have the same rows".to_owned(),
    };
    LoadError::new(LoadErrorKind::Configuration, detail).advise("remove 'enabled' from [batching] in model.toml")
}

fn wrong(difference: &Difference) -> LoadError {
    let detail = format!("batching is enabled, but samples are not answered alike alone and together: {difference}");
    LoadError::new(LoadErrorKind::SampleFailed, detail)
        .advise("remove 'enabled' from [batching] in model.toml, or widen the samples' tolerance")
}
