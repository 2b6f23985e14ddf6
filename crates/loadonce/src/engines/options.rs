//! Which engines a process may use, and where they are looked for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::InstalledEngines;

/// What an operator may say about engines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// Whether to use ONNX Runtime, and which.
    pub onnx_runtime: UseOnnxRuntime,
    /// The Python whose packages are looked at: an interpreter, or the folder of an environment.
    pub python: Option<PathBuf>,
    /// Whether models may be pickled objects, whose loading runs what the file says.
    pub allow_pickle: bool,
    /// The program `loadonce`, which loads models that are to run in processes of their own (`isolation = "process"`).
    pub worker_program: Option<PathBuf>,
}

/// Whether to use ONNX Runtime, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UseOnnxRuntime {
    /// The one that is found.
    #[default]
    Auto,
    /// None.
    Off,
    /// This library, or the one in this folder.
    At(PathBuf),
}

/// Does what has to be done before the process has a second thread: call it first in `main`.
///
/// ONNX Runtime reads from the environment whether to start its telemetry. The variable can only be set while nobody else
/// reads the environment; where it cannot, opening the library says so.
pub fn prepare_process() {
    #[cfg(feature = "onnxruntime")]
    let _ = loadonce_engines::onnxruntime::disable_telemetry();
}

impl InstalledEngines {
    /// The engines that the options allow, where a process with these variables has them. Looking opens nothing.
    #[cfg(feature = "onnxruntime")]
    pub fn find(options: &EngineOptions, environment: &BTreeMap<String, String>) -> Self {
        use loadonce_engines::onnxruntime::Surroundings;

        let configured = match &options.onnx_runtime {
            UseOnnxRuntime::Off => return Self::embedded_with(options),
            UseOnnxRuntime::Auto => None,
            UseOnnxRuntime::At(path) => Some(path.clone()),
        };
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let paths = |name: &str| variable(name).map(|list| std::env::split_paths(list).collect()).unwrap_or_default();
        let surroundings = Surroundings {
            configured,
            variable: variable("ORT_DYLIB_PATH").map(Into::into),
            executable: std::env::current_exe().ok(),
            python: options.python.clone(),
            environments: ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable).map(Into::into).collect(),
            home: variable("HOME").map(Into::into),
            folder: std::env::current_dir().ok(),
            path: paths("PATH"),
            library_path: paths("LD_LIBRARY_PATH"),
        };
        Self::embedded_with(options).with_onnx_runtime(surroundings.search())
    }

    /// The engines that are part of this build, which looks for no other.
    #[cfg(not(feature = "onnxruntime"))]
    pub fn find(options: &EngineOptions, _environment: &BTreeMap<String, String>) -> Self {
        Self::embedded_with(options)
    }

    /// One line for the start about a library that was found.
    #[cfg(feature = "onnxruntime")]
    pub fn announcement(&self) -> Option<String> {
        use loadonce_engines::onnxruntime::TELEMETRY_VARIABLE;

        let found = self.onnx_runtime()?.found.as_ref()?;
        let (path, place) = (found.path.display(), found.place);
        Some(format!("ONNX Runtime at {path} ({place}), its telemetry off ({TELEMETRY_VARIABLE}=1)"))
    }

    /// Nothing, as this build looks for no library.
    #[cfg(not(feature = "onnxruntime"))]
    pub fn announcement(&self) -> Option<String> {
        None
    }
}
