//! One session on one thread: takes jobs, runs them, answers. A panic costs the session, not the thread or the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::{Answer, Job, Queue};
use crate::engine::{Batch, Model, Outputs, Session};
use crate::error::RunError;
use crate::loader::panic_message;
use crate::request::Timing;
use crate::signature::Signature;
use crate::status::Component;

/// Panics in a row after which a model is given up.
const MAX_PANICS: u32 = 5;

/// What a session's thread needs to know; shared by the threads of one model.
pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) component: Arc<Component>,
    pub(crate) panics: AtomicU32,
}

impl Worker {
    /// Runs jobs until the queue ends.
    pub(crate) fn serve(&self, mut session: Box<dyn Session>) {
        while let Some(job) = self.queue.next() {
            let panicked = self.answer(&mut *session, job);
            if !panicked {
                continue;
            }
            match self.replace() {
                Some(replacement) => session = replacement,
                None => return,
            }
        }
    }

    /// Whether the model panicked.
    fn answer(&self, session: &mut dyn Session, job: Job) -> bool {
        let Job { batch, reply, arrived, span } = job;
        let _entered = span.entered();
        let started = Instant::now();
        let outcome = self.run(session, &batch);
        let timing = Timing { queue: started - arrived, run: started.elapsed() };
        let panicked = matches!(outcome, Err(RunError::Panicked(_)));
        if !panicked {
            self.panics.store(0, Ordering::Relaxed);
        }
        // First, so that whoever has the answer finds the request no longer in flight.
        self.queue.done();
        // The caller may have left meanwhile; then nobody is there to be told.
        let _ = reply.send(outcome.map(|outputs| Answer { outputs, timing }));
        panicked
    }

    fn run(&self, session: &mut dyn Session, batch: &Batch) -> Result<Outputs, RunError> {
        let outputs = run_guarded(session, batch)?;
        self.signature.check_outputs(batch, &outputs)?;
        Ok(outputs)
    }

    fn replace(&self) -> Option<Box<dyn Session>> {
        let panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
        if panics >= MAX_PANICS {
            self.give_up(&format!("the model panicked {panics} times in a row"));
            return None;
        }
        match catch_unwind(AssertUnwindSafe(|| self.model.open_session())) {
            Ok(Ok(session)) => Some(session),
            Ok(Err(error)) => {
                self.give_up(&format!("no new session after a panic: {error}"));
                None
            }
            Err(panic) => {
                self.give_up(&format!("no new session after a panic: {}", panic_message(&*panic)));
                None
            }
        }
    }

    fn give_up(&self, reason: &str) {
        tracing::error!(reason, "model failed");
        self.component.fail(reason);
        self.queue.fail(reason);
    }
}

/// Runs a session and turns its panic into an error; the session must not be used again after that.
pub(crate) fn run_guarded(session: &mut dyn Session, batch: &Batch) -> Result<Outputs, RunError> {
    match catch_unwind(AssertUnwindSafe(|| session.run(batch))) {
        Ok(outcome) => outcome,
        Err(panic) => Err(RunError::Panicked(panic_message(&*panic))),
    }
}
