//! The registry: which models are served, fixed when loading has ended and immutable on the request path.

use std::collections::BTreeMap;

use crate::error::{InferError, LookupError};
use crate::loader::Models;
use crate::running::ModelHandle;

/// The models by name; built once, read by every request without a lock.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: BTreeMap<String, Entry>,
}

/// A declared model.
#[derive(Clone, Debug)]
pub enum Entry {
    /// It answers.
    Running(ModelHandle),
    /// It could not be loaded and was left out.
    Failed {
        /// The version.
        version: String,
        /// Why.
        reason: String,
    },
}

impl Registry {
    /// The registry of loaded models; their owner stays with the caller.
    pub fn new(models: &Models) -> Self {
        let running = models.running.iter().map(|model| {
            let handle = model.handle();
            (handle.name().to_owned(), Entry::Running(handle))
        });
        let failed = models.failed.iter().map(|model| {
            let entry = Entry::Failed { version: model.version.clone(), reason: model.error.to_string() };
            (model.name.clone(), entry)
        });
        Self { entries: running.chain(failed).collect() }
    }

    /// Every declared model by name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Handles of the models that were loaded, in alphabetical order.
    pub fn handles(&self) -> impl Iterator<Item = &ModelHandle> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::Running(handle) => Some(handle),
            Entry::Failed { .. } => None,
        })
    }

    /// A declared model; without a version, whichever is served.
    pub fn entry(&self, name: &str, version: Option<&str>) -> Result<&Entry, LookupError> {
        let Some(entry) = self.entries.get(name) else {
            return Err(LookupError::Model { name: name.to_owned(), known: self.entries.keys().cloned().collect() });
        };
        match version {
            Some(version) if version != entry.version() => Err(LookupError::Version {
                name: name.to_owned(),
                version: version.to_owned(),
                serving: entry.version().to_owned(),
            }),
            _ => Ok(entry),
        }
    }

    /// A model that answers.
    pub fn get(&self, name: &str, version: Option<&str>) -> Result<&ModelHandle, InferError> {
        match self.entry(name, version)? {
            Entry::Running(handle) => Ok(handle),
            Entry::Failed { reason, .. } => {
                Err(InferError::NotReady { model: name.to_owned(), reason: reason.clone() })
            }
        }
    }
}

impl Entry {
    /// The version served or meant to be.
    pub fn version(&self) -> &str {
        match self {
            Self::Running(handle) => handle.version(),
            Self::Failed { version, .. } => version,
        }
    }

    /// Why the model does not answer, if it does not.
    pub fn not_ready(&self) -> Option<String> {
        match self {
            Self::Running(handle) => handle.closed(),
            Self::Failed { reason, .. } => Some(reason.clone()),
        }
    }
}
