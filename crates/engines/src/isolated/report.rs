//! What a template says of the model that it has loaded, and of an error.

use loadonce_core::{Content, Dim, LoadError, LoadErrorKind, Model, RunError, TensorSpec};
use std::error::Error as _;
use std::path::Path;

use crate::workers::control::{Axis, Failure, FailureKind, Form, Loaded, Refusal, RowRefusal, SpecText};

/// What was loaded, in a process that has so many threads now.
pub(super) fn loaded(model: &dyn Model, threads: usize) -> Loaded {
    let signature = model.signature();
    Loaded {
        form: Form::Tensors,
        inputs: signature.inputs.iter().map(text).collect(),
        outputs: signature.outputs.iter().map(text).collect(),
        threads,
        model: String::new(),
        run_threads: Some(model.run_threads()),
        versions: model.options().into_iter().collect(),
    }
}

/// Nothing yet.
pub(super) fn deferred() -> Loaded {
    Loaded {
        form: Form::Deferred,
        inputs: Vec::new(),
        outputs: Vec::new(),
        threads: 1,
        model: String::new(),
        run_threads: None,
        versions: std::collections::BTreeMap::new(),
    }
}

fn text(spec: &TensorSpec) -> SpecText {
    let axis = |dim: &Dim| match dim {
        Dim::Fixed(length) => Axis::Length(i64::try_from(*length).unwrap_or(i64::MAX)),
        Dim::Dynamic(Some(name)) => Axis::Named(name.to_string()),
        Dim::Dynamic(None) => Axis::Length(-1),
    };
    let schema = match &spec.content {
        Content::Json { schema: Some(schema) } => serde_json::from_str(schema).ok(),
        Content::Json { schema: None } | Content::Bytes => None,
    };
    SpecText {
        name: spec.name.clone(),
        datatype: spec.dtype.as_str().to_owned(),
        shape: spec.dims.as_ref().map(|dims| dims.iter().map(axis).collect()),
        columns: spec.columns.clone(),
        labels: spec.labels.iter().cloned().map(serde_json::Value::String).collect(),
        json: spec.content.is_json(),
        schema,
    }
}

/// Why the model in `file` was not loaded.
pub(super) fn failure(error: &LoadError, file: &Path) -> Failure {
    let mut message = match error.path().filter(|path| *path != file) {
        Some(path) => format!("{}: {}", path.display(), error.detail()),
        None => error.detail().to_owned(),
    };
    if let Some(source) = error.source() {
        message = format!("{message}: {source}");
    }
    let advice = error.advice().map(str::to_owned);
    Failure { kind: error.kind().into(), message, traceback: String::new(), advice }
}

/// Why a run was refused, if that is the caller's fault; else the words for a failure.
pub(super) fn refusal(error: RunError) -> Result<Refusal, String> {
    match error {
        RunError::InvalidInput(message) => Ok(Refusal { message, rows: Vec::new() }),
        RunError::InvalidRows { rows } => {
            let rows =
                rows.into_iter().map(|fault| RowRefusal { row: fault.row, path: fault.path, message: fault.message });
            Ok(Refusal { message: String::new(), rows: rows.collect() })
        }
        RunError::Failed(message) => Err(message),
        other => Err(other.to_string()),
    }
}

impl From<LoadErrorKind> for FailureKind {
    fn from(kind: LoadErrorKind) -> Self {
        match kind {
            LoadErrorKind::NotFound => Self::NotFound,
            LoadErrorKind::EngineMissing => Self::MissingModule,
            LoadErrorKind::Configuration => Self::Configuration,
            LoadErrorKind::Unsupported => Self::Unsupported,
            LoadErrorKind::Corrupt => Self::Corrupt,
            LoadErrorKind::ModelCode => Self::Code,
            LoadErrorKind::DoesNotFit
            | LoadErrorKind::SampleFailed
            | LoadErrorKind::TimedOut
            | LoadErrorKind::Internal => Self::Internal,
        }
    }
}
