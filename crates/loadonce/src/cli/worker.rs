//! `loadonce worker`, which a server starts to load a model that it isolates.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::exit::Exit;

/// Takes orders on standard input until the server has enough. The process has one thread, and keeps to it.
#[cfg(feature = "isolation")]
pub(super) fn worker(library: Option<PathBuf>, environment: &BTreeMap<String, String>) -> Exit {
    use crate::InstalledEngines;
    use crate::engines::{EngineOptions, UseOnnxRuntime};

    super::logging::start_for_server();
    let onnx_runtime = library.map_or(UseOnnxRuntime::Off, UseOnnxRuntime::At);
    let engines = InstalledEngines::find(&EngineOptions { onnx_runtime, ..EngineOptions::default() }, environment);
    let served = loadonce_engines::isolated::serve_template(env!("CARGO_PKG_VERSION"), |name| engines.engine(name));
    match served {
        Ok(()) => Exit::Fine,
        Err(error) => {
            tracing::error!(%error, "a process for isolated models ends; only a server starts it");
            Exit::Internal
        }
    }
}

/// Nothing, as this build isolates no model.
#[cfg(not(feature = "isolation"))]
pub(super) fn worker(_onnxruntime: Option<PathBuf>, _environment: &BTreeMap<String, String>) -> Exit {
    super::output::complain("error: this build is without isolation");
    Exit::Usage
}
