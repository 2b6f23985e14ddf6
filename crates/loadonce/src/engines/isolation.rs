//! Which models run in processes of their own, and what loads them there.

use std::sync::Arc;

use loadonce_core::loader::Chosen;
use loadonce_core::{Engine, Isolation, LoadError, LoadErrorKind, ModelSpec};

use super::InstalledEngines;

/// Its models have processes of their own in any case.
const PYTHON: &str = "python";

impl InstalledEngines {
    /// The engine of that name as the model is to have it. What only its own processes use is not opened here.
    pub(super) fn choose_place(
        &self,
        spec: &ModelSpec,
        name: &'static str,
        reason: String,
    ) -> Result<Chosen, LoadError> {
        match spec.isolation {
            Isolation::Process if name != PYTHON => {
                Ok(Chosen { engine: self.isolated(name)?, reason: format!("{reason}; in processes of its own") })
            }
            Isolation::Process | Isolation::None => Ok(Chosen { engine: self.engine(name)?, reason }),
        }
    }

    #[cfg(feature = "isolation")]
    fn isolated(&self, name: &'static str) -> Result<Arc<dyn Engine>, LoadError> {
        use loadonce_engines::isolated::{Isolated, WorkerProgram};

        let Some(path) = self.worker_program.clone() else {
            let detail = "model.toml has isolation = \"process\", but this application has not said where the program \
                          'loadonce' is, which loads such models";
            return Err(LoadError::new(LoadErrorKind::Configuration, detail)
                .advise("name it with EngineOptions::worker_program, or remove 'isolation'"));
        };
        let arguments = match self.library() {
            Some(library) if name == super::rule::ONNX_RUNTIME => {
                vec!["worker".into(), "--onnxruntime".into(), library.into()]
            }
            _ => vec!["worker".into()],
        };
        // Only that of an embedded engine is known without opening it; a library's has options.
        let embedded = self.embedded.iter().find(|engine| engine.name() == name);
        let has_options = embedded.is_none_or(|engine| engine.has_options());
        Ok(Arc::new(Isolated { engine: name, has_options, program: WorkerProgram { path, arguments } }))
    }

    #[cfg(not(feature = "isolation"))]
    #[expect(clippy::unused_self, reason = "of builds with isolation")]
    fn isolated(&self, _name: &'static str) -> Result<Arc<dyn Engine>, LoadError> {
        let detail = "model.toml has isolation = \"process\", and this build is without it";
        Err(LoadError::new(LoadErrorKind::EngineMissing, detail).advise("build with the feature 'isolation'"))
    }
}
