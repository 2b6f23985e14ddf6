//! A run on a worker, and on another one where the first dies.

use std::sync::Arc;

use loadonce_core::{Batch, LoadError, Outputs, RunError, Session};

use super::crew::{Crew, is_due};
use super::worker::{Lost, Worker};

/// Workers in a row that ended between two requests, after which the session is given up.
const MOST_ABSENT: u32 = 5;

/// A worker, as long as it lives, and its successors.
pub(super) struct WorkerSession {
    crew: Arc<Crew>,
    /// None when it was lost and has no successor yet.
    worker: Option<Worker>,
}

impl WorkerSession {
    pub(super) fn new(crew: Arc<Crew>) -> Result<Self, LoadError> {
        let worker = Some(crew.hire()?);
        Ok(Self { crew, worker })
    }

    fn attempt(&mut self, batch: &Batch) -> Result<Result<Outputs, RunError>, Failed> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => self.crew.replace().map_err(|error| Failed::NoWorker(error.to_string()))?,
        };
        let outcome = worker.run(batch, self.crew.launch().terms.timeout).map_err(Failed::Run)?;
        self.worker = Some(worker);
        Ok(outcome)
    }

    /// Puts a fresh worker in the place of one that has served long enough.
    fn recycle(&mut self) {
        let rules = &self.crew.launch().terms.recycling;
        let Some(reason) = self.worker.as_ref().and_then(|worker| is_due(rules, worker)) else { return };
        match self.crew.hire() {
            Ok(fresh) => {
                tracing::debug!(model = &*self.crew.launch().name, reason, "a worker is replaced by a fresh one");
                self.worker = Some(fresh);
            }
            Err(error) => {
                tracing::warn!(model = &*self.crew.launch().name, %error, reason, "a worker should be replaced");
            }
        }
    }
}

enum Failed {
    /// The worker is lost.
    Run(Lost),
    /// There is none, and none can be had.
    NoWorker(String),
}

impl Session for WorkerSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        let launch = self.crew.launch();
        let (model, mut is_first) = (Arc::clone(&launch.name), launch.terms.retry);
        let mut absent = 0;
        loop {
            match self.attempt(batch) {
                Ok(outcome) => {
                    self.recycle();
                    return outcome;
                }
                Err(Failed::NoWorker(reason)) => return Err(RunError::Lost(reason)),
                Err(Failed::Run(lost @ Lost::Absent(_))) => {
                    tracing::warn!(model = &*model, "{lost}");
                    absent += 1;
                    if absent == MOST_ABSENT {
                        return Err(RunError::Lost(lost.to_string()));
                    }
                }
                // Who asked has waited as long as it may take.
                Err(Failed::Run(lost @ Lost::Hung(_))) => {
                    tracing::error!(model = &*model, "{lost}");
                    return Err(RunError::Failed(lost.to_string()));
                }
                Err(Failed::Run(lost)) if is_first => {
                    tracing::warn!(model = &*model, "{lost}; the request is run once more");
                    is_first = false;
                }
                Err(Failed::Run(lost)) => {
                    tracing::error!(model = &*model, "{lost}; the request is not run again");
                    return Err(RunError::Failed(lost.to_string()));
                }
            }
        }
    }
}
