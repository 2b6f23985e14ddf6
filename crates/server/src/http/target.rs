//! Which model a path means.

use serde::Deserialize;

/// A model's name, and its version where the path has one.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

impl Target {
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Cuts the verb off the path's last segment: `iris:predict`, as TensorFlow Serving writes it.
    pub(super) fn split_verb(mut self) -> (Self, Option<String>) {
        let last = self.version.as_mut().unwrap_or(&mut self.name);
        let Some((before, verb)) = last.rsplit_once(':') else { return (self, None) };
        let verb = verb.to_owned();
        *last = before.to_owned();
        (self, Some(verb))
    }
}
