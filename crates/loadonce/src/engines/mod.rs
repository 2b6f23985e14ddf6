//! The one room that names engines: which there are, and which of them gets a model.

mod format;
mod isolation;
#[cfg(feature = "cli")]
mod optimize;
mod options;
mod report;
mod rule;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadonce_core::loader::{Chosen, Engines};
use loadonce_core::{Engine, LoadError, LoadErrorKind, ModelSpec, Progress};
use loadonce_engines::onnx::{OnnxFile, Summary};
#[cfg(feature = "onnxruntime")]
use loadonce_engines::onnxruntime::{Library, OnnxRuntime, Search};

use self::format::Format;
#[cfg(feature = "cli")]
pub(crate) use self::optimize::Preparer;
use self::rule::{Availability, ONNX_RUNTIME, Question};

pub use self::options::{EngineOptions, UseOnnxRuntime, prepare_process};
pub use self::report::{EngineReport, LookedAt};

/// The engines that this process can use.
#[derive(Clone, Default)]
pub struct InstalledEngines {
    embedded: Vec<Arc<dyn Engine>>,
    /// What loads models that are to run in processes of their own.
    #[cfg_attr(not(feature = "isolation"), expect(dead_code, reason = "of builds with isolation"))]
    worker_program: Option<PathBuf>,
    /// Where ONNX Runtime was looked for; nothing where it is not to be used.
    #[cfg(feature = "onnxruntime")]
    onnx_runtime: Option<Search>,
}

impl InstalledEngines {
    /// The engines that are part of this build.
    pub fn new() -> Self {
        Self::embedded_with(&EngineOptions::default())
    }

    fn embedded_with(options: &EngineOptions) -> Self {
        Self {
            embedded: vec![
                #[cfg(feature = "tabular")]
                Arc::new(loadonce_engines::tabular::Tabular),
                #[cfg(feature = "xgboost")]
                Arc::new(loadonce_engines::xgboost::XgBoost),
                #[cfg(feature = "lightgbm")]
                Arc::new(loadonce_engines::lightgbm::LightGbm),
                #[cfg(feature = "rten")]
                Arc::new(loadonce_engines::rten_engine::Rten),
                #[cfg(feature = "python")]
                Arc::new(loadonce_engines::python::Python {
                    allow_pickle: options.allow_pickle,
                    interpreter: options.python.clone(),
                }),
            ],
            worker_program: options.worker_program.clone(),
            #[cfg(feature = "onnxruntime")]
            onnx_runtime: None,
        }
    }

    /// These engines and ONNX Runtime, if the search found it. It is opened when the first model needs it.
    #[cfg(feature = "onnxruntime")]
    #[must_use]
    pub fn with_onnx_runtime(mut self, search: Search) -> Self {
        self.onnx_runtime = Some(search);
        self
    }

    /// Whether a file is read as ONNX.
    pub fn is_onnx(path: &Path) -> bool {
        Format::of(path) == Format::Onnx
    }

    /// Names of the engines that are part of this build.
    pub fn embedded(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.embedded.iter().map(|engine| engine.name())
    }

    /// Where ONNX Runtime was looked for; `None` where it is not to be used.
    #[cfg(feature = "onnxruntime")]
    pub fn onnx_runtime(&self) -> Option<&Search> {
        self.onnx_runtime.as_ref()
    }

    fn choose_for(&self, asked: Option<&str>, summary: &Summary) -> Result<(&'static str, String), LoadError> {
        let question = Question {
            asked,
            embedded: &self.embedded().collect::<Vec<_>>(),
            onnx_runtime: self.availability(),
            is_classical: summary.is_classical(),
            tabular_lacks: tabular_lacks(summary),
            rten_refuses: rten_refuses(summary),
            custom_domain: summary.custom_domain.clone(),
        };
        question.choose()
    }

    /// Opens the engine of that name.
    pub(crate) fn engine(&self, name: &str) -> Result<Arc<dyn Engine>, LoadError> {
        if name == ONNX_RUNTIME {
            return self.open_onnx_runtime();
        }
        let engine = self.embedded.iter().find(|engine| engine.name() == name);
        engine
            .cloned()
            .ok_or_else(|| LoadError::new(LoadErrorKind::EngineMissing, format!("engine '{name}' is not there")))
    }
}

#[cfg(feature = "onnxruntime")]
impl InstalledEngines {
    /// The library that was found; another one is another engine.
    #[cfg(any(feature = "cli", feature = "isolation"))]
    pub(crate) fn library(&self) -> Option<&Path> {
        Some(&self.onnx_runtime.as_ref()?.found.as_ref()?.path)
    }

    fn availability(&self) -> Availability {
        match &self.onnx_runtime {
            None => rule::SWITCHED_OFF,
            Some(Search { found: Some(_), .. }) => Availability::Found,
            Some(search) => Availability::Missing(
                search.attempts.iter().map(|attempt| attempt.path.display().to_string()).collect(),
            ),
        }
    }

    fn open_onnx_runtime(&self) -> Result<Arc<dyn Engine>, LoadError> {
        let missing = |detail: String| LoadError::new(LoadErrorKind::EngineMissing, detail);
        let found = self.onnx_runtime.as_ref().and_then(|search| search.found.as_ref());
        let found = found.ok_or_else(|| missing("ONNX Runtime is not there".to_owned()))?;
        let library = Library::open(&found.path).map_err(|error| {
            missing("ONNX Runtime was found, but cannot be used".to_owned())
                .advise("repair it, name another with --onnxruntime, or do without: --onnxruntime off")
                .caused_by(error)
        })?;
        Ok(Arc::new(OnnxRuntime::new(library)))
    }
}

#[cfg(not(feature = "onnxruntime"))]
impl InstalledEngines {
    #[cfg(any(feature = "cli", feature = "isolation"))]
    #[expect(clippy::unused_self, reason = "of builds with the engine")]
    pub(crate) fn library(&self) -> Option<&Path> {
        None
    }

    #[expect(clippy::unused_self, reason = "of builds with the engine")]
    fn availability(&self) -> Availability {
        rule::NOT_BUILT
    }

    #[expect(clippy::unused_self, reason = "of builds with the engine")]
    fn open_onnx_runtime(&self) -> Result<Arc<dyn Engine>, LoadError> {
        Err(LoadError::new(LoadErrorKind::EngineMissing, "this build is without ONNX Runtime"))
    }
}

impl Engines for InstalledEngines {
    fn choose(&self, spec: &ModelSpec, progress: &Progress) -> Result<Chosen, LoadError> {
        let (path, asked) = (spec.file.path(), spec.engine.as_deref());
        match Format::of(path) {
            Format::Onnx => OnnxFile::parse(spec.file.read(progress)?, path)
                .and_then(|file| self.choose_for(asked, &file.summary())),
            Format::Native { name, engine } => {
                format::choose_native(asked, (name, engine), &self.embedded().collect::<Vec<_>>())
            }
            Format::Unread(name) => Err(format::unread(name)),
        }
        .and_then(|(name, reason)| self.choose_place(spec, name, reason))
        .map_err(|error| error.at(path))
    }
}

impl std::fmt::Debug for InstalledEngines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.embedded()).finish_non_exhaustive()
    }
}

#[cfg(feature = "tabular")]
fn tabular_lacks(summary: &Summary) -> Vec<String> {
    let lacking = loadonce_engines::tabular::supports(summary).err().unwrap_or_default();
    lacking.iter().map(ToString::to_string).collect()
}

#[cfg(not(feature = "tabular"))]
fn tabular_lacks(_summary: &Summary) -> Vec<String> {
    Vec::new()
}

#[cfg(feature = "rten")]
fn rten_refuses(summary: &Summary) -> Option<String> {
    loadonce_engines::rten_engine::supports(summary).err().map(|error| error.detail().to_owned())
}

#[cfg(not(feature = "rten"))]
fn rten_refuses(_summary: &Summary) -> Option<String> {
    None
}
