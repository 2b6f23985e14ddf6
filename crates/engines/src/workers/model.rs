//! A model whose runs are those of workers.

use std::sync::Arc;

use loadonce_core::ledger::Sharing;
use loadonce_core::{Contract, LoadError, LoadErrorKind, Memory, Model, ModelSpec, Progress, Session, Signature};

use super::control::Loaded;
use super::crew::Crew;
use super::describe;
use super::launch::Launch;
use super::probe::probe;
use super::session::WorkerSession;

/// A model that a template has loaded, or that each worker loads.
pub(crate) struct WorkersModel {
    crew: Arc<Crew>,
    signature: Signature,
    sharing: Sharing,
    /// Of a template whose workers did not answer.
    loads_in_vain: u64,
    run_threads: usize,
    about: Vec<(String, String)>,
}

impl WorkersModel {
    /// Loads the model in a template, and lets a worker prove that it survives the fork; where it does not, and the terms
    /// leave that open, each worker loads a copy of its own.
    pub(crate) fn load(launch: Launch, spec: &ModelSpec, progress: &Progress) -> Result<Self, LoadError> {
        let asked = launch.terms.preload;
        let (crew, loaded) = Crew::start(launch, asked != Some(false), progress)?;
        if !crew.preload() {
            let sharing = Sharing::EachWorker { reason: "preload = false in model.toml".to_owned() };
            return Self::of(crew, &loaded, sharing);
        }
        let signature = describe::signature(&loaded)?;
        let survives = crew.launch().program.survives(&loaded).and_then(|()| probe(&crew, spec, &signature));
        let Err(reason) = survives else { return Self::of(crew, &loaded, Sharing::CopyOnWrite) };
        if asked == Some(true) {
            let detail = format!("a worker that is forked from the loaded model does not answer: {reason}");
            return Err(LoadError::new(LoadErrorKind::ModelCode, detail)
                .advise("remove preload = true from model.toml: then each worker loads a copy of its own"));
        }
        tracing::warn!(
            model = &*spec.name,
            reason,
            "the model does not survive a fork, each worker loads a copy of its own"
        );
        let loads_in_vain = crew.loads();
        let launch = crew.launch().clone();
        drop(crew);
        let (crew, loaded) = Crew::start(launch, false, progress)?;
        let sharing = Sharing::EachWorker { reason: format!("a forked worker did not answer: {reason}") };
        Ok(Self { loads_in_vain, ..Self::of(crew, &loaded, sharing)? })
    }

    fn of(crew: Crew, loaded: &Loaded, sharing: Sharing) -> Result<Self, LoadError> {
        let Launch { program, terms, .. } = crew.launch();
        let processes = [("preload", crew.preload().to_string()), ("threads after load", loaded.threads.to_string())];
        let processes = processes.into_iter().map(|(key, value)| (key.to_owned(), value));
        Ok(Self {
            signature: describe::signature(loaded)?,
            sharing,
            loads_in_vain: 0,
            run_threads: loaded.run_threads.unwrap_or(terms.threads),
            about: processes.chain(program.about(loaded)).collect(),
            crew: Arc::new(crew),
        })
    }
}

impl Model for WorkersModel {
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
        self.run_threads
    }

    fn may_block(&self) -> bool {
        true
    }

    fn options(&self) -> Vec<(String, String)> {
        self.about.clone()
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(WorkerSession::new(Arc::clone(&self.crew))?))
    }
}
