//! Models on disk: a file, a folder with a file, or numbered versions of one; and what `model.toml` says about them.
//!
//! Finding models lists folders and reads `model.toml` files; no model file is opened here.

mod batching_keys;
mod discover;
mod files;
mod model_toml;

use std::fmt;
use std::path::PathBuf;

use loadonce_core::LoadErrorKind;

pub use self::discover::{discover, roots};
pub use self::files::{Stamp, files};

/// Everything that is wrong with the models on disk, found in one go.
#[derive(Debug)]
pub struct RepositoryErrors(pub Vec<RepositoryError>);

/// One thing that is wrong with the models on disk.
#[derive(Debug)]
pub struct RepositoryError {
    /// The kind of cause.
    pub kind: LoadErrorKind,
    /// The path at fault.
    pub path: PathBuf,
    /// What is wrong, what was expected, what to do.
    pub detail: String,
}

impl RepositoryErrors {
    /// The kind of the first error, which decides the exit code.
    pub fn kind(&self) -> LoadErrorKind {
        self.0.first().map_or(LoadErrorKind::Internal, |error| error.kind)
    }
}

impl fmt::Display for RepositoryErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&errors.join("\n"))
    }
}

impl fmt::Display for RepositoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.detail)
    }
}

impl std::error::Error for RepositoryErrors {}

impl std::error::Error for RepositoryError {}
