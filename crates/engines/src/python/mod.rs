//! Engine `python`: models that are Python code, or objects that Python pickled.
//!
//! A *template* process, in the user's own interpreter, imports the code and loads the model once; it then forks
//! *workers*, which share its memory until they write to it, and forks them again when they die. A session here is one
//! worker: a run goes to it as a frame over its channel, with large tensors in its arena.
//!
//! | file | room |
//! | --- | --- |
//! | `interpreter` | which Python |
//! | `options` | what `model.toml` says |
//! | `template` | the template's process: start, load, fork, kill, end |
//! | `control`, `frame` | what goes over the two kinds of socket: pure |
//! | `socket`, `arena`, `kernel`, `logs` | the kernel's part |
//! | `worker` | one worker and its runs |
//! | `crew` | supervision: replacement, back-off, recycling |
//! | `roster` | who is there, who was lost, and what they take in memory |
//! | `probe` | whether a loaded model survives the fork |
//! | `session` | a run, and what happens when its worker dies |
//!
//! The Python side is the package `loadonce_worker` in `python/`, which is sent to the interpreter when it starts: nothing
//! has to be installed beside the user's own packages.

mod arena;
mod control;
mod crew;
mod describe;
mod frame;
mod interpreter;
mod kernel;
mod logs;
mod options;
mod probe;
mod roster;
mod session;
mod socket;
mod sources;
mod template;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadonce_core::ledger::Sharing;
use loadonce_core::{
    Contract, Engine, LoadError, LoadErrorKind, Memory, Model, ModelSpec, Progress, Session, Signature,
};

use self::control::{Declared, Loaded};
use self::crew::Crew;
use self::interpreter::Surroundings;
use self::options::Options;
use self::probe::probe;
use self::session::PythonSession;
use self::template::Launch;

/// The engine.
#[derive(Clone, Debug, Default)]
pub struct Python {
    /// The interpreter, or the folder of an environment with one, of models that name none.
    pub interpreter: Option<PathBuf>,
    /// Whether pickled objects may be loaded: to unpickle is to run what the file says.
    pub allow_pickle: bool,
}

/// Whether these bytes are a frame of a worker that has an arena of that many bytes; for fuzzing.
#[doc(hidden)]
pub fn is_frame(datagram: &[u8], arena: u64) -> bool {
    frame::read(datagram, arena).is_ok()
}

/// A model that a template has loaded.
struct PythonModel {
    crew: Arc<Crew>,
    signature: Signature,
    sharing: Sharing,
    /// Of a template whose workers did not answer.
    loads_in_vain: u64,
    about: Vec<(String, String)>,
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
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let virtual_env = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
        let surroundings =
            Surroundings { configured: self.interpreter.as_deref(), virtual_env: virtual_env.as_deref() };
        let interpreter = interpreter::choose(options.python.as_deref(), surroundings, &folder);
        let launch = Launch {
            name: spec.name.as_str().into(),
            file: file.clone(),
            folder,
            interpreter,
            options,
            inputs: spec.declared.inputs.iter().map(Declared::from).collect(),
            outputs: spec.declared.outputs.iter().map(Declared::from).collect(),
        };
        start(launch, spec, progress).map_err(|error| error.at(&file))
    }
}

fn start(launch: Launch, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
    let asked = launch.options.preload;
    let (mut crew, mut loaded) = Crew::start(launch, asked != Some(false), progress)?;
    let mut signature = describe::signature(&loaded)?;
    let mut loads_in_vain = 0;
    let mut sharing = if crew.preload() {
        Sharing::CopyOnWrite
    } else {
        Sharing::EachWorker { reason: "preload = false in model.toml".to_owned() }
    };
    if crew.preload()
        && let Err(reason) = probe(&crew, spec, &signature)
    {
        if asked == Some(true) {
            let detail = format!("a worker that was forked from the loaded model does not answer: {reason}");
            return Err(LoadError::new(LoadErrorKind::ModelCode, detail)
                .advise("remove preload = true from model.toml: then each worker loads a copy of its own"));
        }
        tracing::warn!(
            model = &*spec.name,
            reason,
            "the model does not survive a fork, each worker loads a copy of its own"
        );
        loads_in_vain = crew.loads();
        (crew, loaded) = Crew::start(crew.launch().clone(), false, progress)?;
        sharing = Sharing::EachWorker { reason: format!("a forked worker did not answer: {reason}") };
        signature = describe::signature(&loaded)?;
    }
    let about = about(&crew, &loaded);
    Ok(Arc::new(PythonModel { crew: Arc::new(crew), signature, sharing, loads_in_vain, about }))
}

fn about(crew: &Crew, loaded: &Loaded) -> Vec<(String, String)> {
    let Loaded { model, versions, threads, .. } = loaded;
    let own = [
        ("model", model.clone()),
        ("python", crew.launch().interpreter.program.display().to_string()),
        ("preload", crew.preload().to_string()),
        ("threads after load", threads.to_string()),
        ("threads of a run", crew.launch().options.threads.to_string()),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    own.chain(versions.iter().map(|(name, version)| (name.clone(), version.clone()))).collect()
}

fn is_pickle(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "joblib" || extension == "pkl")
}

impl Model for PythonModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn contract(&self) -> Contract {
        Contract::Shared
    }

    fn memory(&self) -> Memory {
        let memory = self.crew.memory(self.sharing.clone());
        Memory { loads: memory.loads + self.loads_in_vain, ..memory }
    }

    fn run_threads(&self) -> usize {
        self.crew.launch().options.threads
    }

    fn may_block(&self) -> bool {
        true
    }

    fn options(&self) -> Vec<(String, String)> {
        self.about.clone()
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(PythonSession::new(Arc::clone(&self.crew))?))
    }
}
