//! What goes over a template's control socket: one JSON object a datagram. The first order is a program's own: where the
//! model is and how it is to be loaded. The Python side of this is `template.py`.

use std::collections::BTreeMap;

use loadonce_core::{LoadError, LoadErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::launch::Program;

/// The version of control and channel; a template of another one is refused.
pub(crate) const PROTOCOL: u32 = 1;

/// What a template that has loaded is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Fork a worker; its descriptors come along.
    Fork { worker: u64, threads: usize, nice: i32, arena: u64 },
    /// Kill a worker.
    Kill { worker: u64 },
    /// End, once the workers have.
    Stop,
}

/// What a template tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Told {
    /// It runs, and has loaded nothing of the user's. `version` is that of the program, or of the interpreter.
    Hello {
        protocol: u32,
        #[serde(alias = "python")]
        version: String,
        executable: String,
    },
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
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) form: Form,
    #[serde(default)]
    pub(crate) inputs: Vec<SpecText>,
    #[serde(default)]
    pub(crate) outputs: Vec<SpecText>,
    /// Threads of the process after the load, as the kernel counts them.
    #[serde(default)]
    pub(crate) threads: usize,
    /// The model's class or kind, for people.
    #[serde(default)]
    pub(crate) model: String,
    /// Threads that one run keeps busy, where the template knows better than who started it.
    #[serde(default)]
    pub(crate) run_threads: Option<usize>,
    /// Versions of the libraries that it uses, or options in effect.
    #[serde(default)]
    pub(crate) versions: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Named tensors.
    Tensors,
    /// Rows that are JSON.
    Rows,
    /// Each worker loads a copy of its own, and tells then.
    Deferred,
}

/// One input or output, as the v2 protocol describes it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SpecText {
    pub(crate) name: String,
    pub(crate) datatype: String,
    #[serde(default)]
    pub(crate) shape: Option<Vec<Axis>>,
    #[serde(default)]
    pub(crate) columns: Vec<String>,
    /// Text, numbers or truths, as the library has its classes.
    #[serde(default)]
    pub(crate) labels: Vec<Value>,
    /// Whether each element is a JSON text.
    #[serde(default)]
    pub(crate) json: bool,
    #[serde(default)]
    pub(crate) schema: Option<Value>,
}

/// The length of an axis; -1 is any, and so is a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Axis {
    Length(i64),
    Named(String),
}

/// Why a model could not be loaded, or not be run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    #[serde(default)]
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) traceback: String,
    /// What to do, where the template knows it.
    #[serde(default)]
    pub(crate) advice: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// A file that the model opens is not there.
    NotFound,
    /// A module that it imports is not installed.
    MissingModule,
    /// No class to serve, or one that declares what cannot be.
    Configuration,
    /// A file that another version of a library wrote.
    VersionSkew,
    /// A file that cannot be read as what it should be.
    Corrupt,
    /// A format, operator or type that the engine does not have.
    Unsupported,
    /// A fault of ours.
    Internal,
    /// The model's own code.
    #[default]
    Code,
}

/// What a worker says of itself once it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Readied {
    pub(crate) pid: u32,
    /// Where it loaded a copy of its own.
    #[serde(default)]
    pub(crate) loaded: Option<Loaded>,
}

/// Why a model refused its input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) rows: Vec<RowRefusal>,
}

/// A row that is not as it should be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RowRefusal {
    pub(crate) row: usize,
    #[serde(default)]
    pub(crate) path: String,
    pub(crate) message: String,
}

impl From<FailureKind> for LoadErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::NotFound => Self::NotFound,
            FailureKind::MissingModule => Self::EngineMissing,
            FailureKind::Configuration => Self::Configuration,
            FailureKind::VersionSkew | FailureKind::Unsupported => Self::Unsupported,
            FailureKind::Corrupt => Self::Corrupt,
            FailureKind::Code => Self::ModelCode,
            FailureKind::Internal => Self::Internal,
        }
    }
}

impl Failure {
    /// The same for people; the traceback goes to the log.
    pub(super) fn into_error(self, model: &str, program: &dyn Program) -> LoadError {
        let Self { kind, message, traceback, advice } = self;
        if !traceback.is_empty() {
            tracing::error!(target: "model", model, "{}", traceback.trim_end());
        }
        let error = LoadError::new(kind.into(), message);
        match advice.or_else(|| program.advice(kind)) {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }
}
