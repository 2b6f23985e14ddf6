//! What a template of ours is started with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use loadonce_core::{LoadError, LoadErrorKind, ModelSpec};

use super::Isolated;
use super::order::Start;
use crate::workers::control::{FailureKind, Loaded, PROTOCOL};
use crate::workers::launch::Program;

/// Bytes of large tensors that one run may have. Memory is taken only by what is written.
pub(super) const ARENA_BYTES: u64 = 1 << 30;

/// A program that calls [`serve_template`](super::serve_template) when it is started like that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProgram {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// A program that is to load a model.
#[derive(Debug)]
pub(super) struct IsolatedProgram {
    program: WorkerProgram,
    start: Start,
}

impl IsolatedProgram {
    /// For the model of that spec.
    pub(super) fn new(engine: &Isolated, spec: &ModelSpec, file: PathBuf) -> Self {
        let start = Start {
            protocol: PROTOCOL,
            engine: engine.engine.to_owned(),
            name: spec.name.clone(),
            version: spec.version.clone(),
            file,
            options: spec.options.clone(),
            preload: true,
        };
        Self { program: engine.program.clone(), start }
    }
}

impl Program for IsolatedProgram {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program.path);
        command.args(&self.program.arguments);
        command
    }

    fn start(&self, preload: bool) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Start { preload, ..self.start.clone() })
    }

    fn missing(&self) -> LoadError {
        let detail = format!("cannot start '{}', which is to load the model", self.program.path.display());
        LoadError::new(LoadErrorKind::EngineMissing, detail)
            .advise("put the program back, or remove isolation from model.toml")
    }

    /// Errors of engines say it themselves.
    fn advice(&self, kind: FailureKind) -> Option<String> {
        (kind == FailureKind::Code).then(|| "the log has what it wrote".to_owned())
    }

    fn about(&self, loaded: &Loaded) -> Vec<(String, String)> {
        let isolation = ("isolation".to_owned(), "process".to_owned());
        let options = loaded.versions.iter().map(|(key, value)| (key.clone(), value.clone()));
        [isolation].into_iter().chain(options).collect()
    }

    /// Threads that a run shares its work among are not in a fork of the process.
    fn survives(&self, loaded: &Loaded) -> Result<(), String> {
        match loaded.run_threads {
            Some(threads) if threads > 1 => Err(format!("a run has {threads} threads, of which a fork has one")),
            _ => Ok(()),
        }
    }
}
