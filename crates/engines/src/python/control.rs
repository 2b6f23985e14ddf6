//! What goes over a template's control socket: one JSON object a datagram. The Python side of this is `template.py`.

use std::collections::BTreeMap;
use std::path::Path;

use loadonce_core::{Dim, LoadError, LoadErrorKind, TensorSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::interpreter::Interpreter;

/// The version of control and channel; a template of another one is refused.
pub(super) const PROTOCOL: u32 = 1;

/// What a template is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Order<'a> {
    /// Import the model, load it unless `preload` is false, and say what it is.
    Start {
        protocol: u32,
        model: ModelPlace<'a>,
        preload: bool,
        allow_version_skew: bool,
        inputs: &'a [Declared],
        outputs: &'a [Declared],
    },
    /// Fork a worker; its descriptors come along.
    Fork { worker: u64, threads: usize, nice: i32, arena: u64 },
    /// Kill a worker.
    Kill { worker: u64 },
    /// End, once the workers have.
    Stop,
}

/// Where the model lies.
#[derive(Debug, Serialize)]
pub(super) struct ModelPlace<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a Path,
    pub(super) folder: &'a Path,
}

/// An input or output that `model.toml` says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Declared {
    name: String,
    datatype: &'static str,
    /// -1 is an axis of any length.
    shape: Option<Vec<i64>>,
}

/// What a template tells.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Told {
    /// It runs, and has imported nothing of the user's.
    Hello { protocol: u32, python: String, executable: String },
    /// The model is loaded.
    Loaded(Loaded),
    /// The model could not be loaded.
    Failed(Failure),
    /// A worker was forked.
    Forked {},
    /// A worker ended.
    Exited { worker: u64, code: Option<i32>, signal: Option<i32> },
}

/// What was loaded.
#[derive(Debug, Deserialize)]
pub(super) struct Loaded {
    pub(super) form: Form,
    #[serde(default)]
    pub(super) inputs: Vec<SpecText>,
    #[serde(default)]
    pub(super) outputs: Vec<SpecText>,
    /// Threads of the process after the load, as the kernel counts them.
    #[serde(default)]
    pub(super) threads: usize,
    /// The model's class or kind, for people.
    #[serde(default)]
    pub(super) model: String,
    /// Versions of the libraries that it uses.
    #[serde(default)]
    pub(super) versions: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// Named tensors.
    Tensors,
    /// Rows that are JSON.
    Rows,
    /// Each worker loads a copy of its own, and tells then.
    Deferred,
}

/// One input or output, as the v2 protocol describes it.
#[derive(Debug, Deserialize)]
pub(super) struct SpecText {
    pub(super) name: String,
    pub(super) datatype: String,
    /// -1 is an axis of any length.
    #[serde(default)]
    pub(super) shape: Option<Vec<i64>>,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    /// Text, numbers or truths, as the library has its classes.
    #[serde(default)]
    pub(super) labels: Vec<Value>,
    /// Whether each element is a JSON text.
    #[serde(default)]
    pub(super) json: bool,
    #[serde(default)]
    pub(super) schema: Option<Value>,
}

/// Why a model could not be loaded, or not be run.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    #[serde(default)]
    pub(super) kind: FailureKind,
    pub(super) message: String,
    #[serde(default)]
    pub(super) traceback: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FailureKind {
    /// A file that the model opens is not there.
    NotFound,
    /// A module that it imports is not installed.
    MissingModule,
    /// No class to serve, or one that declares what cannot be.
    Configuration,
    /// A file that another version of a library wrote.
    VersionSkew,
    /// A file that cannot be unpickled.
    Corrupt,
    /// The model's own code.
    #[default]
    Code,
}

/// What a worker says of itself once it is ready.
#[derive(Debug, Deserialize)]
pub(super) struct Readied {
    pub(super) pid: u32,
    /// Where it loaded a copy of its own.
    #[serde(default)]
    pub(super) loaded: Option<Loaded>,
}

/// Why a model refused its input.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) message: String,
    #[serde(default)]
    pub(super) rows: Vec<RowRefusal>,
}

/// A row that is not as it should be.
#[derive(Debug, Deserialize)]
pub(super) struct RowRefusal {
    pub(super) row: usize,
    #[serde(default)]
    pub(super) path: String,
    pub(super) message: String,
}

impl From<&TensorSpec> for Declared {
    fn from(spec: &TensorSpec) -> Self {
        let length = |dim: &Dim| match dim {
            Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
            Dim::Dynamic(_) => -1,
        };
        let shape = spec.dims.as_ref().map(|dims| dims.iter().map(length).collect());
        Self { name: spec.name.clone(), datatype: spec.dtype.as_str(), shape }
    }
}

impl From<FailureKind> for LoadErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::NotFound => Self::NotFound,
            FailureKind::MissingModule => Self::EngineMissing,
            FailureKind::Configuration => Self::Configuration,
            FailureKind::VersionSkew => Self::Unsupported,
            FailureKind::Corrupt => Self::Corrupt,
            FailureKind::Code => Self::ModelCode,
        }
    }
}

impl Failure {
    /// The same for people; the traceback goes to the log.
    pub(super) fn into_error(self, model: &str, interpreter: &Interpreter) -> LoadError {
        let Self { kind, message, traceback } = self;
        if !traceback.is_empty() {
            tracing::error!(target: "model", model, "{}", traceback.trim_end());
        }
        let advice = match kind {
            FailureKind::MissingModule => {
                format!("install it for {interpreter}, or name another interpreter with 'python' in model.toml")
            }
            FailureKind::VersionSkew => {
                "install the version that wrote it, or set allow_version_skew = true in model.toml".to_owned()
            }
            FailureKind::Code => "the log has the traceback".to_owned(),
            FailureKind::NotFound | FailureKind::Configuration | FailureKind::Corrupt => String::new(),
        };
        let error = LoadError::new(kind.into(), message);
        if advice.is_empty() { error } else { error.advise(advice) }
    }
}
