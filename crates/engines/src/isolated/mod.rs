//! Other engines' models in processes of their own: `isolation = "process"` in `model.toml`.
//!
//! A template process, which is a program of ours, loads the model with the engine that was chosen, before it has a second
//! thread, and forks the workers (`crate::workers`). They share the weights; a crash of native code takes one worker, whose
//! request is run again on its successor, and the server knows nothing of it but a line in its log.
//!
//! | file | room |
//! | --- | --- |
//! | `launch` | the server's side: what the template is started with |
//! | `order` | what it is told to load |
//! | `template` | the template: loads, forks, kills, reaps |
//! | `worker` | a worker: its runs |
//! | `report` | what a template says of a model, and of an error |
//! | `fork` | what needs unsafe code: the fork, signals, the end of a process |

#[expect(unsafe_code, reason = "fork, signal and _exit; the file says why each is sound")]
mod fork;
mod launch;
mod order;
mod report;
mod template;
mod worker;

use std::sync::Arc;

use loadonce_core::{Engine, LoadError, Model, ModelSpec, Progress};

use self::launch::IsolatedProgram;
use crate::workers::WorkersModel;
use crate::workers::launch::{Launch, Terms};

pub use self::launch::WorkerProgram;
pub use self::template::serve_template;

/// An engine whose models are loaded and run in processes of their own.
#[derive(Clone, Debug)]
pub struct Isolated {
    /// The engine's name.
    pub engine: &'static str,
    /// Whether it has options.
    pub has_options: bool,
    /// What calls [`serve_template`].
    pub program: WorkerProgram,
}

impl Engine for Isolated {
    fn name(&self) -> &'static str {
        self.engine
    }

    fn has_options(&self) -> bool {
        self.has_options
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        let file = std::path::absolute(spec.file.path()).unwrap_or_else(|_| spec.file.path().to_owned());
        spec.file.verify(progress)?;
        // The template reads it for itself.
        spec.file.release();
        let program = IsolatedProgram::new(self, spec, file.clone());
        let terms = Terms::new(spec, launch::ARENA_BYTES);
        let launch = Launch { name: spec.name.as_str().into(), program: Arc::new(program), terms };
        let model = WorkersModel::load(launch, spec, progress);
        Ok(Arc::new(model.map_err(|error| error.at(&file))?))
    }
}
