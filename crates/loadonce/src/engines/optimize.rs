//! What the engine of a model can do for its start: rewrite its graph once, in a file, instead of at every load.

use std::path::{Path, PathBuf};

use loadonce_core::loader::Engines as _;
use loadonce_core::{LoadError, ModelSpec, Progress};
#[cfg(feature = "onnxruntime")]
use loadonce_engines::onnxruntime::{Library, OnnxRuntime};

use super::InstalledEngines;

/// The engine that would serve a model, as the one that prepares its files.
#[derive(Debug)]
pub(crate) struct Preparer {
    /// Its name, as in `model.toml`.
    pub(crate) engine: &'static str,
    /// Why it was chosen.
    pub(crate) reason: String,
    #[cfg(feature = "onnxruntime")]
    rewriter: Option<OnnxRuntime>,
}

impl InstalledEngines {
    /// The engine that would serve the model.
    pub(crate) fn preparer(&self, spec: &ModelSpec) -> Result<Preparer, LoadError> {
        let chosen = self.choose(spec, &Progress::default())?;
        let (engine, reason) = (chosen.engine.name(), chosen.reason);
        Ok(Preparer {
            engine,
            reason,
            #[cfg(feature = "onnxruntime")]
            rewriter: self.rewriter(engine),
        })
    }

    /// Who rewrites graphs for that engine; the library is open already, unless the model is to run in other processes.
    #[cfg(feature = "onnxruntime")]
    fn rewriter(&self, engine: &str) -> Option<OnnxRuntime> {
        let found = self.onnx_runtime().filter(|_| engine == super::ONNX_RUNTIME)?.found.as_ref()?;
        Some(OnnxRuntime::new(Library::open(&found.path).ok()?))
    }
}

#[cfg(feature = "onnxruntime")]
impl Preparer {
    /// Who rewrites graphs, with its version; none where the engine does not.
    pub(crate) fn rewriter(&self) -> Option<String> {
        self.rewriter.as_ref().map(|rewriter| format!("ONNX Runtime {}", rewriter.library().version()))
    }

    /// Writes the model with its graph rewritten into a folder, and gives its path; `None` where the engine does not.
    pub(crate) fn rewrite(&self, spec: &ModelSpec, folder: &Path) -> Result<Option<PathBuf>, LoadError> {
        self.rewriter.as_ref().map(|rewriter| rewriter.rewrite(spec, folder)).transpose()
    }
}

#[cfg(not(feature = "onnxruntime"))]
#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "of builds with the engine")]
impl Preparer {
    pub(crate) fn rewriter(&self) -> Option<String> {
        None
    }

    pub(crate) fn rewrite(&self, _spec: &ModelSpec, _folder: &Path) -> Result<Option<PathBuf>, LoadError> {
        Ok(None)
    }
}
