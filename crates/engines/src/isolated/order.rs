//! The first order to a template: what to load, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use loadonce_core::ModelSpec;
use serde::{Deserialize, Serialize};

/// Load the model, unless `preload` is false, and say what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "start")]
pub(super) struct Start {
    pub(super) protocol: u32,
    /// By name.
    pub(super) engine: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) file: PathBuf,
    /// Of the engine.
    pub(super) options: BTreeMap<String, String>,
    pub(super) preload: bool,
}

impl Start {
    /// The model as an engine is told of it.
    pub(super) fn spec(&self) -> ModelSpec {
        let mut spec = ModelSpec::new(&self.name, &self.file);
        spec.version.clone_from(&self.version);
        spec.options.clone_from(&self.options);
        spec
    }
}
