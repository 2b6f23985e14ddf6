//! One model's way from declared to ready.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::batching::{self, Settled};
use super::{Engines, panic_message};
use crate::budget::Budget;
use crate::engine::{Batch, Contract, Model, Session};
use crate::error::{LoadError, LoadErrorKind};
use crate::queue::{Sharing, run_checked, run_guarded};
use crate::running::{Parts, RunningModel};
use crate::sample::{Example, Sample, compare};
use crate::signature::Signature;
use crate::spec::ModelSpec;
use crate::status::{Component, Stage};

/// Loads, warms up and tests a model, says so on the board at each step, and starts its sessions.
pub(super) fn load(
    spec: &ModelSpec,
    engines: &dyn Engines,
    budget: &Budget,
    component: &Arc<Component>,
) -> Result<RunningModel, LoadError> {
    let parts = prepare(spec, engines, budget, component);
    let running = parts.and_then(|parts| RunningModel::start(parts, Arc::clone(component)));
    match &running {
        Ok(running) => running.claim_ready(),
        Err(error) => component.fail(&error.to_string()),
    }
    running
}

fn prepare<'a>(
    spec: &'a ModelSpec,
    engines: &dyn Engines,
    budget: &Budget,
    component: &Component,
) -> Result<Parts<'a>, LoadError> {
    component.enter(Stage::Loading);
    component.record(|record| record.version = Some(spec.version.clone()));
    let chosen = guarded("the choice of an engine", || engines.choose(spec, component.progress()))?;
    component.record(|record| {
        record.engine = Some(chosen.engine.name());
        record.engine_reason = Some(chosen.reason.clone());
        record.loads += 1;
    });
    let model = guarded("the engine", || chosen.load(spec, component.progress()))?;
    spec.file.release();
    let signature = Arc::new(spec.annotate(model.signature())?);
    let contract = contract(spec, &*model)?;
    let mut sessions = open_sessions(session_count(spec, &*model, contract, budget.cores()), &*model)?;
    let memory = model.memory();
    component.record(|record| {
        // One was counted when it began.
        record.loads += memory.loads.saturating_sub(1);
        record.memory = Some(memory);
        record.options = model.options();
        record.contract = Some(contract);
        record.sessions = sessions.len();
        record.run_threads = model.run_threads();
    });
    let Proven { example, sharing } = prove(spec, &*model, &signature, &mut sessions, component)?;
    let (engine, budget) = (chosen.engine.name(), budget.clone());
    Ok(Parts { spec, engine, model, contract, signature, example, sessions, sharing, budget })
}

/// What a model's samples have shown.
struct Proven {
    /// The smallest request that it answered.
    example: Option<Example>,
    /// Whether requests may share runs.
    sharing: Sharing,
}

/// Warms every session up, lets the model answer its samples, and finds out whether requests may share runs.
fn prove(
    spec: &ModelSpec,
    model: &dyn Model,
    signature: &Signature,
    sessions: &mut [Box<dyn Session>],
    component: &Component,
) -> Result<Proven, LoadError> {
    component.enter(Stage::WarmingUp);
    let samples = spec.samples.read(signature)?;
    component.record(|record| record.samples.found = samples.len());
    let mut warmed = None;
    for session in &mut *sessions {
        warmed = warm_up(&mut **session, signature, samples.first())?;
    }
    component.enter(Stage::Testing);
    let mut answered = Vec::with_capacity(samples.len());
    for (position, sample) in samples.iter().enumerate() {
        let turn = position % sessions.len();
        let (right, example) = test(&mut *sessions[turn], signature, sample)?;
        answered.push(example);
        component.record(|record| {
            record.samples.answered += 1;
            record.samples.right += usize::from(right);
        });
    }
    let Some(session) = sessions.first_mut() else { return Ok(Proven { example: None, sharing: Sharing::OFF }) };
    let Settled { sharing, record: settled, has_ended } =
        batching::settle(spec, signature, &mut **session, &samples, &answered)?;
    component.record(|record| record.batching = Some(settled));
    if has_ended {
        *session = open_session(model)?;
    }
    let example = answered.into_iter().min_by_key(Example::byte_len).or(warmed);
    Ok(Proven { example, sharing })
}

fn warm_up(
    session: &mut dyn Session,
    signature: &Signature,
    sample: Option<&Sample>,
) -> Result<Option<Example>, LoadError> {
    if let Some(sample) = sample {
        return answer(session, signature, sample).map(Some);
    }
    let Some(batch) = Batch::zeros(signature) else { return Ok(None) };
    match run_guarded(session, &batch) {
        Ok(outputs) => {
            let is_right = signature.check_outputs(&batch, &outputs).is_ok();
            Ok(is_right.then(|| Example::new(signature, &batch, &outputs)))
        }
        Err(error) if error.ends_session() => Err(sample_failed(format!("warm-up with zeros: {error}"))),
        Err(error) => {
            tracing::warn!(%error, "warm-up with zeros failed; put a request that the model accepts into samples/");
            Ok(None)
        }
    }
}

/// What the model answered, and whether a right answer is known; a wrong one is an error.
fn test(session: &mut dyn Session, signature: &Signature, sample: &Sample) -> Result<(bool, Example), LoadError> {
    let example = answer(session, signature, sample)?;
    let Some(expected) = &sample.expected else { return Ok((false, example)) };
    match compare(signature, expected, &example.outputs, &sample.tolerance) {
        Ok(()) => Ok((true, example)),
        Err(mismatch) => Err(sample_failed(format!("sample '{}' was answered wrongly: {mismatch}", sample.name))
            .advise("correct the sample if it is wrong; otherwise this model file is not the one it was made for")),
    }
}

fn answer(session: &mut dyn Session, signature: &Signature, sample: &Sample) -> Result<Example, LoadError> {
    let failed = |error: &dyn std::fmt::Display| sample_failed(format!("sample '{}' failed: {error}", sample.name));
    let request = sample.request.clone();
    signature.select(&request.outputs).map_err(|error| failed(&error))?;
    let batch = signature.arrange(request.inputs).map_err(|error| failed(&error))?;
    let outputs = run_checked(session, &batch, signature).map_err(|error| failed(&error))?;
    Ok(Example::new(signature, &batch, &outputs))
}

fn contract(spec: &ModelSpec, model: &dyn Model) -> Result<Contract, LoadError> {
    match (spec.contract, model.contract()) {
        (Some(Contract::Shared), Contract::Exclusive) => {
            let detail = "model.toml has contract = \"shared\", but the engine allows one run at a time";
            Err(LoadError::new(LoadErrorKind::Configuration, detail).advise("remove 'contract' from model.toml"))
        }
        (Some(asked), _) => Ok(asked),
        (None, own) => Ok(own),
    }
}

fn open_sessions(count: usize, model: &dyn Model) -> Result<Vec<Box<dyn Session>>, LoadError> {
    (0..count).map(|_| open_session(model)).collect()
}

fn open_session(model: &dyn Model) -> Result<Box<dyn Session>, LoadError> {
    guarded("opening a session", || model.open_session())
}

fn session_count(spec: &ModelSpec, model: &dyn Model, contract: Contract, cores: usize) -> usize {
    match contract {
        Contract::Shared => fitting(spec.limits.sessions, model.run_threads(), cores),
        Contract::Exclusive => 1,
    }
}

/// Runs with several threads each are held to the processors; runs with one thread are as many as was asked for.
fn fitting(asked: Option<usize>, run_threads: usize, cores: usize) -> usize {
    let fitting = cores / run_threads.max(1);
    match asked {
        Some(asked) if run_threads <= 1 => asked.max(1),
        Some(asked) => asked.min(fitting).max(1),
        None => fitting.max(1),
    }
}

fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let detail = format!("{what} panicked: {}", panic_message(&*panic));
        Err(LoadError::new(LoadErrorKind::Internal, detail))
    })
}

fn sample_failed(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::SampleFailed, detail)
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn the_threads_of_all_runs_fit_the_processors() {
        assert_eq!((fitting(None, 1, 4), fitting(None, 2, 4), fitting(None, 3, 2)), (4, 2, 1));
        assert_eq!((fitting(Some(4), 2, 4), fitting(Some(1), 2, 8), fitting(Some(4), 3, 2)), (2, 1, 1));
        // Asked for, though more than there are processors.
        assert_eq!((fitting(Some(8), 1, 2), fitting(Some(0), 1, 2)), (8, 1));
    }
}
