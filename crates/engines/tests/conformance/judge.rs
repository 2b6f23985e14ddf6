//! What an engine makes of a case, on the way that a request takes: load, check the input, run, check the output.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use loadonce_core::sample::compare;
use loadonce_core::{
    Engine, LoadError, LoadErrorKind, ModelSpec, NamedTensor, Outputs, Progress, Session, Signature, TensorSpec,
};

use super::cases::{Case, DataSet, named};

/// What an engine made of a case; all but the first say why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every answer was right.
    Passed,
    /// The engine said at load that it does not have what the model needs.
    Refused(String),
    /// The model was not loaded for another reason.
    LoadFailed(String),
    /// The model was loaded, and a run of it failed.
    RunFailed(String),
    /// An answer was wrong.
    Wrong(String),
    /// The engine panicked.
    Panicked(String),
}

impl Outcome {
    /// The names of all outcomes, as the report and the exceptions have them.
    pub(crate) const NAMES: [&str; 6] = ["passed", "refused", "wrong", "run_failed", "load_failed", "panicked"];

    /// Judges an engine by a case.
    pub(crate) fn of(engine: &dyn Engine, case: &Case) -> Self {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| judge(engine, case)));
        match outcome {
            Ok(Ok(())) => Self::Passed,
            Ok(Err(outcome)) => outcome,
            Err(payload) => Self::Panicked(message(payload.as_ref()).to_owned()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused(_) => "refused",
            Self::LoadFailed(_) => "load_failed",
            Self::RunFailed(_) => "run_failed",
            Self::Wrong(_) => "wrong",
            Self::Panicked(_) => "panicked",
        }
    }

    /// Why; empty for what passed.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::Refused(reason)
            | Self::LoadFailed(reason)
            | Self::RunFailed(reason)
            | Self::Wrong(reason)
            | Self::Panicked(reason) => reason,
        }
    }
}

fn judge(engine: &dyn Engine, case: &Case) -> Result<(), Outcome> {
    let model = engine
        .load(&ModelSpec::new(&case.name, &case.model), &Progress::default())
        .map_err(|error| not_loaded(&error))?;
    let mut session = model.open_session().map_err(|error| not_loaded(&error))?;
    let data_sets = case.data_sets().map_err(Outcome::RunFailed)?;
    // The first is asked a second time, after the others: a session must not keep anything of its earlier runs.
    for data_set in data_sets.iter().chain(data_sets.first()) {
        ask(session.as_mut(), model.signature(), data_set, case)?;
    }
    Ok(())
}

fn ask(session: &mut dyn Session, signature: &Signature, data_set: &DataSet, case: &Case) -> Result<(), Outcome> {
    let inputs = named(&data_set.inputs, &signature.inputs).map_err(Outcome::RunFailed)?;
    let expected = named(&data_set.outputs, &signature.outputs).map_err(Outcome::RunFailed)?;
    let batch = signature.arrange(inputs).map_err(|error| Outcome::RunFailed(error.to_string()))?;
    let outputs = session.run(&batch).map_err(|error| Outcome::RunFailed(error.to_string()))?;
    signature.check_outputs(&batch, &outputs).map_err(|error| Outcome::Wrong(error.to_string()))?;
    let got = answered(&signature.outputs, outputs);
    compare(&expected, &got, &case.tolerance()).map_err(|mismatch| Outcome::Wrong(mismatch.to_string()))
}

fn answered(specs: &[TensorSpec], outputs: Outputs) -> Vec<NamedTensor> {
    let named = |(spec, tensor): (&TensorSpec, _)| NamedTensor { name: spec.name.clone(), tensor };
    specs.iter().zip(outputs).map(named).collect()
}

/// The reason without the file's path, which differs from run to run.
fn not_loaded(error: &LoadError) -> Outcome {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let reason = format!("{}{cause}", error.detail());
    match error.kind() {
        LoadErrorKind::Unsupported => Outcome::Refused(reason),
        kind => Outcome::LoadFailed(format!("{}: {reason}", kind.as_str())),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
