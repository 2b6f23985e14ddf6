//! The graph of a model as ONNX Runtime rewrites it while it loads it, written to a file: its "offline mode" (ONNX Runtime's
//! documents, "Graph Optimizations in ONNX Runtime").
//!
//! The level is `extended` at most. Above it, `all` lays weights out for the processor that it runs on, and the documents
//! ask for "the same type of hardware" then; what stands in a file is to be served by any machine. A load still does the rest.

use std::path::{Path, PathBuf};

use loadonce_core::{LoadError, LoadErrorKind, ModelSpec, Progress};
use ort::session::builder::SessionBuilder;

use super::options::Options;
use super::{OnnxRuntime, refused, setting_refused};

/// The written model, and its weights beside it.
const MODEL: &str = "rewritten.onnx";
const WEIGHTS: &str = "rewritten.data";

/// Bytes from which a tensor is written beside the model: a file of protocol buffers cannot have more than 2 GB.
const THRESHOLD: u64 = 1024;

// Keys of `onnxruntime_session_options_config_keys.h`.
const WEIGHTS_FILE: &str = "session.optimized_model_external_initializers_file_name";
const WEIGHTS_THRESHOLD: &str = "session.optimized_model_external_initializers_min_size_in_bytes";
const NO_PREPACKING: &str = "session.disable_prepacking";

impl OnnxRuntime {
    /// Writes the model with its graph rewritten, and its large tensors, into `folder`, which should have no other files;
    /// gives the model's path. The model's options hold, as far as a rewritten graph can be moved to another machine.
    ///
    /// # Errors
    /// Those of [`loadonce_core::Engine::load`]; and [`LoadErrorKind::Internal`] where the library wrote nothing.
    pub fn rewrite(&self, spec: &ModelSpec, folder: &Path) -> Result<PathBuf, LoadError> {
        let (path, target) = (spec.file.path(), folder.join(MODEL));
        let options = Options::read(spec)?.portable();
        // It may have a checksum.
        spec.file.verify(&Progress::default())?;
        let builder = SessionBuilder::new(self.library.environment());
        let builder = builder.and_then(|builder| writing(options.apply(builder, None)?, &target));
        let mut builder = builder.map_err(|error| setting_refused(error).at(path))?;
        let session = builder.commit_from_file(path).map_err(|error| refused(error).at(path))?;
        drop(session);
        if !target.is_file() {
            let detail =
                format!("ONNX Runtime {} loaded the model, but did not write its graph", self.library.version());
            return Err(LoadError::new(LoadErrorKind::Internal, detail).at(path));
        }
        Ok(target)
    }
}

/// A session that writes its graph. Nobody runs it, so its weights need not be packed.
fn writing(builder: SessionBuilder, target: &Path) -> ort::Result<SessionBuilder> {
    let builder = builder
        .with_optimized_model_path(target)?
        .with_config_entry(WEIGHTS_FILE, WEIGHTS)?
        .with_config_entry(WEIGHTS_THRESHOLD, THRESHOLD.to_string())?
        .with_config_entry(NO_PREPACKING, "1")?;
    Ok(builder)
}
