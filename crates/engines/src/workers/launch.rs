//! What a template is started with. The rooms that know a kind of template fill it in.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use loadonce_core::{LoadError, ModelSpec};

use super::control::{FailureKind, Loaded};

/// A model's processes, as they are to be.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The model.
    pub(crate) name: Arc<str>,
    pub(crate) program: Arc<dyn Program>,
    pub(crate) terms: Terms,
}

/// The terms on which workers work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Terms {
    /// Whether the model is loaded before workers are forked: true makes it an error where that cannot be, and `None`
    /// leaves it to what a probe shows.
    pub(crate) preload: Option<bool>,
    /// Whether a run whose worker died is tried once more.
    pub(crate) retry: bool,
    /// The time that a run may take before its worker is killed.
    pub(crate) timeout: Duration,
    /// Bytes of large tensors that one run may have.
    pub(crate) arena_bytes: u64,
    /// Threads of a run in a worker.
    pub(crate) threads: usize,
    pub(crate) recycling: Recycling,
}

impl Terms {
    /// Those of a model of which `model.toml` says nothing else.
    pub(crate) fn new(spec: &ModelSpec, arena_bytes: u64) -> Self {
        Self {
            preload: None,
            retry: true,
            timeout: spec.limits.timeout,
            arena_bytes,
            threads: 1,
            recycling: Recycling::default(),
        }
    }
}

/// What a worker may reach before it is replaced by a fresh one, though it is well.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Recycling {
    pub(crate) runs: Option<u64>,
    pub(crate) age: Option<Duration>,
    pub(crate) private_bytes: Option<u64>,
}

/// What a template runs.
pub(crate) trait Program: fmt::Debug + Send + Sync {
    /// The command. Who starts it gives it its standard streams; its input is the control socket.
    fn command(&self) -> Command;

    /// Modules that it takes before it says hello, by name.
    fn modules(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The first order, as JSON: what to load, unless `preload` is false, and how.
    fn start(&self, preload: bool) -> serde_json::Result<Vec<u8>>;

    /// The error where the command cannot be started.
    fn missing(&self) -> LoadError;

    /// What to do about a failure.
    fn advice(&self, kind: FailureKind) -> Option<String>;

    /// What is to be known of the model besides its signature, for people.
    fn about(&self, loaded: &Loaded) -> Vec<(String, String)>;

    /// Whether it is worth trying to fork what was loaded; the error says why not.
    fn survives(&self, _loaded: &Loaded) -> Result<(), String> {
        Ok(())
    }
}
