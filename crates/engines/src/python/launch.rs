//! What an interpreter is started with, and the order to load the model.

use std::path::{Path, PathBuf};
use std::process::Command;

use loadonce_core::{Dim, LoadError, LoadErrorKind, ModelSpec, TensorSpec};
use serde::Serialize;

use super::interpreter::Interpreter;
use super::options::Options;
use super::sources::{BOOT, MODULES};
use crate::workers::control::{FailureKind, Loaded, PROTOCOL};
use crate::workers::launch::Program;

/// Variables that a model's processes get from the server's environment; all others come from `model.toml`.
const KEPT_VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
];

/// An interpreter that is to load a model.
#[derive(Debug)]
pub(super) struct PythonProgram {
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) interpreter: Interpreter,
    pub(super) options: Options,
    inputs: Vec<Declared>,
    outputs: Vec<Declared>,
}

/// Import the model, load it unless `preload` is false, and say what it is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "start")]
struct Start<'a> {
    protocol: u32,
    model: ModelPlace<'a>,
    preload: bool,
    allow_version_skew: bool,
    inputs: &'a [Declared],
    outputs: &'a [Declared],
}

/// Where the model lies.
#[derive(Debug, Serialize)]
struct ModelPlace<'a> {
    name: &'a str,
    file: &'a Path,
    folder: &'a Path,
}

/// An input or output that `model.toml` says.
#[derive(Clone, Debug, Serialize)]
struct Declared {
    name: String,
    datatype: &'static str,
    /// -1 is an axis of any length.
    shape: Option<Vec<i64>>,
}

impl PythonProgram {
    /// For the model of that spec.
    pub(super) fn new(spec: &ModelSpec, file: PathBuf, interpreter: Interpreter, options: Options) -> Self {
        Self {
            name: spec.name.clone(),
            folder: folder(&file),
            file,
            interpreter,
            options,
            inputs: spec.declared.inputs.iter().map(Declared::from).collect(),
            outputs: spec.declared.outputs.iter().map(Declared::from).collect(),
        }
    }
}

/// The model's folder.
pub(super) fn folder(file: &Path) -> PathBuf {
    file.parent().map_or_else(PathBuf::new, Path::to_owned)
}

impl Program for PythonProgram {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.interpreter.program);
        command.args(["-c", BOOT]).current_dir(&self.folder).env_clear();
        command.envs(std::env::vars_os().filter(|(name, _)| KEPT_VARIABLES.iter().any(|kept| *kept == name)));
        command.envs(&self.options.env);
        command
    }

    fn modules(&self) -> &'static [(&'static str, &'static str)] {
        &MODULES
    }

    fn start(&self, preload: bool) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Start {
            protocol: PROTOCOL,
            model: ModelPlace { name: &self.name, file: &self.file, folder: &self.folder },
            preload,
            allow_version_skew: self.options.allow_version_skew,
            inputs: &self.inputs,
            outputs: &self.outputs,
        })
    }

    fn missing(&self) -> LoadError {
        let detail = format!("cannot start Python as {}", self.interpreter);
        LoadError::new(LoadErrorKind::EngineMissing, detail)
            .advise("install Python 3.9 or newer, or name one with 'python' in model.toml")
    }

    fn advice(&self, kind: FailureKind) -> Option<String> {
        let interpreter = &self.interpreter;
        match kind {
            FailureKind::MissingModule => {
                Some(format!("install it for {interpreter}, or name another interpreter with 'python' in model.toml"))
            }
            FailureKind::VersionSkew => {
                Some("install the version that wrote it, or set allow_version_skew = true in model.toml".to_owned())
            }
            FailureKind::Code => Some("the log has the traceback".to_owned()),
            FailureKind::NotFound
            | FailureKind::Configuration
            | FailureKind::Corrupt
            | FailureKind::Unsupported
            | FailureKind::Internal => None,
        }
    }

    fn about(&self, loaded: &Loaded) -> Vec<(String, String)> {
        let own = [
            ("model", loaded.model.clone()),
            ("python", self.interpreter.program.display().to_string()),
            ("threads of a run", self.options.terms.threads.to_string()),
        ];
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
        own.chain(loaded.versions.iter().map(|(name, version)| (name.clone(), version.clone()))).collect()
    }
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
