//! A thread of a model: takes requests with a session, runs them, answers. A panic costs the session, not the thread or
//! the process; a common run that fails costs nobody but the request that made it fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Answer, Job, Queue, Work};
use crate::budget::Share;
use crate::engine::{Batch, Model, Outputs, Session, share_rows};
use crate::error::RunError;
use crate::loader::panic_message;
use crate::request::{SharedRun, Timing};
use crate::signature::Signature;
use crate::status::Component;

/// Panics in a row after which a model is given up.
const MAX_PANICS: u32 = 5;

/// What a model's threads need to know; shared by them.
pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) component: Arc<Component>,
    pub(crate) share: Share,
}

impl Worker {
    /// Works until the queue ends.
    pub(crate) fn serve(&self) {
        while let Some(work) = self.queue.next() {
            match work {
                Work::Run { estimate } => self.run(estimate),
                Work::Replace { panics } => self.replace(panics),
            }
        }
    }

    fn run(&self, estimate: Option<Duration>) {
        let _permit = self.share.enter(estimate);
        let Some((session, mut jobs)) = self.queue.take() else { return };
        match (jobs.pop(), jobs.is_empty()) {
            (Some(job), true) => self.answer(session, job),
            (last, _) => self.answer_together(session, jobs.into_iter().chain(last).collect()),
        }
    }

    fn answer(&self, mut session: Box<dyn Session>, job: Job) {
        let Job { batch, reply, arrived, span, .. } = job;
        let _entered = span.entered();
        let queue = arrived.elapsed();
        let (outcome, run) = self.queue.run(&mut *session, &batch, &self.signature);
        // First, so that whoever has the answer finds the request no longer in flight.
        self.queue.done(unless_ended(session, &outcome), 1);
        let timing = Timing { queue, run, shared: batch.own_run(), is_direct: false };
        // The caller may have left meanwhile; then nobody is there to be told.
        let _ = reply.send(outcome.map(|outputs| Answer { outputs, timing }));
    }

    fn answer_together(&self, mut session: Box<dyn Session>, jobs: Vec<Job>) {
        let started = Instant::now();
        let outcome = self.run_together(&mut *session, &jobs);
        let session = unless_ended(session, &outcome);
        match outcome {
            Ok(outputs) => {
                self.queue.done(session, jobs.len());
                share_out(jobs, &outputs, started);
            }
            Err(error) => {
                tracing::debug!(%error, requests = jobs.len(), "a common run failed, each request is run by itself");
                self.queue.split(session, jobs);
            }
        }
    }

    fn run_together(&self, session: &mut dyn Session, jobs: &[Job]) -> Result<Outputs, RunError> {
        let batches: Vec<_> = jobs.iter().map(|job| &job.batch).collect();
        let batch = Batch::concat(&batches);
        let batch = batch.ok_or_else(|| RunError::Failed("requests of different shapes in one run".to_owned()))?;
        self.queue.run(session, &batch, &self.signature).0
    }

    fn replace(&self, panics: u32) {
        if panics >= MAX_PANICS {
            return self.give_up(&format!("the model panicked or was lost {panics} times in a row"));
        }
        match catch_unwind(AssertUnwindSafe(|| self.model.open_session())) {
            Ok(Ok(session)) => self.queue.add(session),
            Ok(Err(error)) => self.give_up(&format!("no new session: {error}")),
            Err(panic) => self.give_up(&format!("no new session: {}", panic_message(&*panic))),
        }
    }

    fn give_up(&self, reason: &str) {
        tracing::error!(reason, "model failed");
        self.component.fail(reason);
        self.queue.fail(reason);
    }
}

/// Gives each request the rows that are its own; the outputs were checked to have one for each row of input.
fn share_out(jobs: Vec<Job>, outputs: &Outputs, started: Instant) {
    let (run, requests) = (started.elapsed(), jobs.len());
    let own: Vec<_> = jobs.iter().map(|job| job.rows.unwrap_or_default()).collect();
    let rows = own.iter().sum();
    let parts = share_rows(outputs, own.into_iter());
    // Whose caller has left answers for nothing.
    let mut leads = true;
    for (Job { reply, arrived, .. }, outputs) in jobs.into_iter().zip(parts) {
        let shared = SharedRun { requests, rows, leads };
        let timing = Timing { queue: started - arrived, run, shared, is_direct: false };
        leads &= reply.send(Ok(Answer { outputs, timing })).is_err();
    }
}

/// The session, if it may be used again.
pub(crate) fn unless_ended<T>(session: Box<dyn Session>, outcome: &Result<T, RunError>) -> Option<Box<dyn Session>> {
    (!outcome.as_ref().is_err_and(RunError::ends_session)).then_some(session)
}

/// Runs a session and turns its panic into an error; the session must not be used again after that.
pub(crate) fn run_guarded(session: &mut dyn Session, batch: &Batch) -> Result<Outputs, RunError> {
    match catch_unwind(AssertUnwindSafe(|| session.run(batch))) {
        Ok(outcome) => outcome,
        Err(panic) => Err(RunError::Panicked(panic_message(&*panic))),
    }
}

/// The same, with outputs that the signature allows.
pub(crate) fn run_checked(
    session: &mut dyn Session,
    batch: &Batch,
    signature: &Signature,
) -> Result<Outputs, RunError> {
    let outputs = run_guarded(session, batch)?;
    signature.check_outputs(batch, &outputs)?;
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tracing::Span;

    use super::*;

    #[test]
    fn the_first_request_that_is_answered_leads_its_run() {
        let answers = [true, false, false].map(|has_left| {
            let (reply, answer) = oneshot::channel();
            let (batch, arrived) = (Batch::new(vec![]), Instant::now());
            (
                Job { batch, rows: Some(1), priority: 1, reply, arrived, span: Span::none() },
                (!has_left).then_some(answer),
            )
        });
        let (jobs, answers): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        share_out(jobs, &vec![], Instant::now());
        let leads = |answer: oneshot::Receiver<Result<Answer, RunError>>| {
            let Answer { timing, .. } = answer.blocking_recv().unwrap().unwrap();
            (timing.shared.requests, timing.shared.leads)
        };
        assert_eq!(answers.into_iter().flatten().map(leads).collect::<Vec<_>>(), [(3, true), (3, false)]);
    }
}
