//! What an engine makes of a case, on the way that a request takes: load, check the input, run, check the output.

use std::any::Any;
use std::iter::repeat_n;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use loadonce_core::sample::compare;
use loadonce_core::{
    Engine, LoadError, LoadErrorKind, ModelSpec, NamedTensor, Outputs, Progress, Session, Signature, TensorSpec,
};

use super::cases::{Case, DataSet, named};

/// More runs than a session watches before it keeps anything.
const MANY: usize = 20;

/// A case that takes no longer is asked that often.
const QUICK: Duration = Duration::from_millis(10);

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
    let started = Instant::now();
    for data_set in data_sets.iter().chain(data_sets.first()) {
        ask(session.as_mut(), model.signature(), data_set, case)?;
    }
    // And often, where that takes no time: what a session keeps after many runs must not change its answers either.
    let times = if started.elapsed() < QUICK { MANY } else { 0 };
    for data_set in data_sets.iter().flat_map(|data_set| repeat_n(data_set, times)).chain(data_sets.first()) {
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
    compare(signature, &expected, &got, &case.tolerance()).map_err(|mismatch| Outcome::Wrong(mismatch.to_string()))
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use loadonce_core::testing::{FakeEngine, Script, TRIGGER_FAIL, TRIGGER_LOSE_ROW, TRIGGER_PANIC};
    use loadonce_engines::onnx::proto::{TensorProto, data_type};
    use prost::Message as _;

    use super::super::cases;
    use super::*;

    fn write(path: &Path, name: &str, elements: &[f32]) {
        let tensor = TensorProto {
            name: Some(name.to_owned()),
            dims: vec![1, 2],
            data_type: Some(data_type::FLOAT),
            float_data: elements.to_vec(),
            ..TensorProto::default()
        };
        fs::write(path, tensor.encode_to_vec()).unwrap();
    }

    /// What the fake, which doubles its input, makes of a case.
    fn outcome(script: Script, input: [f32; 2], output: [f32; 2]) -> &'static str {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("group/case/test_data_set_0");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.with_file_name("model.fake"), "").unwrap();
        let expectation = r#"{"source": "hand", "relative": 1e-5, "absolute": 1e-6}"#;
        fs::write(data.with_file_name("case.json"), expectation).unwrap();
        write(&data.join("input_0.pb"), "x", &input);
        write(&data.join("output_0.pb"), "y", &output);
        let found = cases::find(folder.path()).unwrap();
        assert_eq!(found[0].id(), "group/case");
        Outcome::of(&FakeEngine::new(script), &found[0]).name()
    }

    #[test]
    fn every_outcome_is_told_by_its_name() {
        let fine = Script::default;
        let failing = |kind| Script { fails: Some(kind), ..Script::default() };
        assert_eq!(outcome(fine(), [1.0, 2.0], [2.0, 4.0]), "passed");
        assert_eq!(outcome(fine(), [1.0, 2.0], [2.0, 4.1]), "wrong");
        assert_eq!(outcome(fine(), [TRIGGER_LOSE_ROW, 2.0], [-6.0, 4.0]), "wrong");
        assert_eq!(outcome(fine(), [TRIGGER_FAIL, 2.0], [-4.0, 4.0]), "run_failed");
        assert_eq!(outcome(fine(), [TRIGGER_PANIC, 2.0], [-2.0, 4.0]), "panicked");
        assert_eq!(outcome(Script { panics: true, ..fine() }, [1.0, 2.0], [2.0, 4.0]), "panicked");
        assert_eq!(outcome(failing(LoadErrorKind::Unsupported), [1.0, 2.0], [2.0, 4.0]), "refused");
        assert_eq!(outcome(failing(LoadErrorKind::Corrupt), [1.0, 2.0], [2.0, 4.0]), "load_failed");
    }
}
