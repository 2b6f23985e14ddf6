//! Engine `python`: models that are Python code, or objects that Python pickled.
//!
//! A template process, in the user's own interpreter, imports the code, loads the model once, and forks the workers
//! (`crate::workers`). Here is what is Python's own: which interpreter, what it is started with, what `model.toml` says.
//!
//! The Python side is the package `loadonce_worker` in `python/`, which is sent to the interpreter when it starts: nothing
//! has to be installed beside the user's own packages.

mod interpreter;
mod launch;
mod options;
mod sources;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadonce_core::{Engine, LoadError, LoadErrorKind, Model, ModelSpec, Progress};

use self::interpreter::Surroundings;
use self::launch::PythonProgram;
use self::options::Options;
use crate::workers::WorkersModel;
use crate::workers::launch::Launch;

/// The engine.
#[derive(Clone, Debug, Default)]
pub struct Python {
    /// The interpreter, or the folder of an environment with one, of models that name none.
    pub interpreter: Option<PathBuf>,
    /// Whether pickled objects may be loaded: to unpickle is to run what the file says.
    pub allow_pickle: bool,
}

impl Engine for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn has_options(&self) -> bool {
        true
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        let options = Options::read(spec)?;
        let file = std::path::absolute(spec.file.path()).unwrap_or_else(|_| spec.file.path().to_owned());
        if !self.allow_pickle && is_pickle(&file) {
            let detail = "the file is a pickle, and to load one is to run whatever it says";
            return Err(LoadError::new(LoadErrorKind::Configuration, detail)
                .at(&file)
                .advise("if you trust who made it, allow it with --allow-pickle"));
        }
        spec.file.verify(progress)?;
        spec.file.release();
        let virtual_env = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
        let surroundings =
            Surroundings { configured: self.interpreter.as_deref(), virtual_env: virtual_env.as_deref() };
        let interpreter = interpreter::choose(options.python.as_deref(), surroundings, &launch::folder(&file));
        let (name, terms) = (spec.name.as_str().into(), options.terms);
        let program = Arc::new(PythonProgram::new(spec, file.clone(), interpreter, options));
        let model = WorkersModel::load(Launch { name, program, terms }, spec, progress);
        Ok(Arc::new(model.map_err(|error| error.at(&file))?))
    }
}

fn is_pickle(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "joblib" || extension == "pkl")
}
