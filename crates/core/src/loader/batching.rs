//! Whether requests of a model may share runs: not assumed from its shapes, but tried with its samples.
//!
//! A free first axis says that a model takes any number of rows, not that each row's answer is its own: a softmax over the
//! wrong axis, or a norm over the batch, gives a neighbour's rows a say. So samples are answered one by one and then
//! together, in both orders, and every row must come out the same.

use crate::engine::{Batch, Outputs, Session};
use crate::queue::run_guarded;
use crate::request::NamedTensor;
use crate::sample::{Sample, Tolerance, compare};
use crate::signature::Signature;
use crate::spec::{Batching, ModelSpec, SharedRuns};
use crate::status::BatchingRecord;
use crate::{LoadError, LoadErrorKind};

/// Samples that are tried together.
const MOST_TRIED: usize = 8;

/// A request and its answer when it is alone.
struct Trial {
    batch: Batch,
    outputs: Outputs,
    tolerance: Tolerance,
}

/// The limits that hold, and why. It is an error to ask for shared runs of a model that they would give wrong answers.
pub(super) fn settle(
    spec: &ModelSpec,
    signature: &Signature,
    session: &mut dyn Session,
    samples: &[Sample],
) -> Result<(Batching, BatchingRecord), LoadError> {
    let asked = spec.batching;
    let off = |reason: &str| Ok((Batching::OFF, BatchingRecord { max_rows: 1, reason: reason.to_owned() }));
    let on = |reason: &str| Ok((asked, BatchingRecord { max_rows: asked.max_rows, reason: reason.to_owned() }));
    if asked.shared_runs == SharedRuns::Never {
        return off("model.toml says so");
    }
    if !signature.is_batchable() {
        return match asked.shared_runs {
            SharedRuns::Always => Err(impossible(signature)),
            _ => off("the model's first axis is not free"),
        };
    }
    let trials = trials(signature, session, samples);
    match (differs(&trials, session), asked.shared_runs) {
        (Some(difference), SharedRuns::Always) => Err(wrong(&difference)),
        (Some(difference), _) => off(&format!("rows are not answered alike together: {difference}")),
        (None, SharedRuns::Always) => on("model.toml says so"),
        (None, _) if trials.len() < 2 => off("it takes two samples of one shape to try it"),
        (None, _) => on(&format!("{} samples are answered alike, alone and together", trials.len())),
    }
}

/// Samples of the first one's shape, each with its answer alone; none that the model does not answer.
fn trials(signature: &Signature, session: &mut dyn Session, samples: &[Sample]) -> Vec<Trial> {
    let mut trials: Vec<Trial> = Vec::new();
    for sample in samples {
        let Ok(batch) = signature.arrange(sample.request.inputs.clone()) else { continue };
        let like = trials.first().is_none_or(|first| first.batch.has_rows_like(&batch));
        if !like || batch.common_rows().is_none() || trials.iter().any(|trial| trial.batch == batch) {
            continue;
        }
        if let Ok(outputs) = run_guarded(session, &batch) {
            trials.push(Trial { batch, outputs, tolerance: sample.tolerance });
        }
        if trials.len() == MOST_TRIED {
            break;
        }
    }
    trials
}

/// How an answer changes when requests share a run, if one does.
fn differs(trials: &[Trial], session: &mut dyn Session) -> Option<String> {
    let forward: Vec<_> = trials.iter().collect();
    let backward: Vec<_> = trials.iter().rev().collect();
    [forward, backward].iter().find_map(|order| together(order, session).err())
}

fn together(trials: &[&Trial], session: &mut dyn Session) -> Result<(), String> {
    let batches: Vec<_> = trials.iter().map(|trial| &trial.batch).collect();
    let Some(batch) = Batch::concat(&batches) else { return Ok(()) };
    let outputs = run_guarded(session, &batch).map_err(|error| error.to_string())?;
    let rows = batch.common_rows();
    if outputs.iter().any(|output| output.shape().first().copied() != rows) {
        return Err("not one row out for each row in".to_owned());
    }
    let mut end = 0;
    for trial in trials {
        let range = end..end + trial.batch.common_rows().unwrap_or_default();
        end = range.end;
        let own = outputs.iter().map(|output| output.rows(range.clone()));
        compare(&named(trial.outputs.iter().cloned()), &named(own), &trial.tolerance)
            .map_err(|mismatch| mismatch.to_string())?;
    }
    Ok(())
}

/// Outputs by position.
fn named(outputs: impl Iterator<Item = crate::Tensor>) -> Vec<NamedTensor> {
    outputs.enumerate().map(|(position, tensor)| NamedTensor { name: position.to_string(), tensor }).collect()
}

fn impossible(signature: &Signature) -> LoadError {
    let fixed = signature.inputs.iter().chain(&signature.outputs).find(|spec| !spec.has_free_rows());
    let detail = match fixed {
        Some(spec) => format!("batching is enabled, but '{}' is {spec}: its first axis is not free", spec.name),
        None => "batching is enabled, but inputs and outputs do not have the same rows".to_owned(),
    };
    LoadError::new(LoadErrorKind::Configuration, detail).advise("remove 'enabled' from [batching] in model.toml")
}

fn wrong(difference: &str) -> LoadError {
    let detail = format!("batching is enabled, but samples are not answered alike alone and together: {difference}");
    LoadError::new(LoadErrorKind::SampleFailed, detail)
        .advise("remove 'enabled' from [batching] in model.toml, or widen the samples' tolerance")
}
