//! A model's bounded queue: requests go in on any thread, sessions take them out on theirs.
//!
//! The queue refuses at once when it is full, forgets callers who left, and when it closes for good it tells everybody
//! who waits. It is the room where batches will be formed: [`State::take`] decides what one run gets.

mod worker;

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;
use tracing::Span;

use crate::engine::{Batch, Outputs};
use crate::error::RunError;
use crate::request::Timing;

pub(crate) use self::worker::{Worker, run_guarded};

/// A request on its way to a session, with all that the answer needs.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) reply: oneshot::Sender<Result<Answer, RunError>>,
    pub(crate) arrived: Instant,
    pub(crate) span: Span,
}

/// What a session sends back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outputs: Outputs,
    pub(crate) timing: Timing,
}

/// Why a job was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full { capacity: usize },
    Closed { reason: String },
}

/// How much a model has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLoad {
    /// Requests that wait for a session.
    pub waiting: usize,
    /// Requests that a session is running.
    pub running: usize,
}

#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    running: usize,
    /// Why nothing is taken in any more.
    closed: Option<String>,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn push(&self, job: Job) -> Result<(), Refused> {
        let mut state = self.state();
        state.admit(job, self.capacity)?;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job, waiting for one; `None` once the queue is closed and empty.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.take() {
                state.running += 1;
                return Some(job);
            }
            if state.closed.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job that [`Queue::next`] gave out is done.
    pub(crate) fn done(&self) {
        self.state().running -= 1;
    }

    /// Takes nothing in any more; what waits is still answered.
    pub(crate) fn close(&self, reason: &str) {
        self.state().closed.get_or_insert_with(|| reason.to_owned());
        self.changed.notify_all();
    }

    /// Takes nothing in any more and gives up what waits.
    pub(crate) fn fail(&self, reason: &str) {
        let mut state = self.state();
        state.closed = Some(reason.to_owned());
        let abandoned = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        drop(abandoned);
    }

    /// Why the queue is closed, if it is.
    pub(crate) fn closed(&self) -> Option<String> {
        self.state().closed.clone()
    }

    pub(crate) fn load(&self) -> QueueLoad {
        let state = self.state();
        QueueLoad { waiting: state.waiting.len(), running: state.running }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, job: Job, capacity: usize) -> Result<(), Refused> {
        if let Some(reason) = &self.closed {
            return Err(Refused::Closed { reason: reason.clone() });
        }
        if self.waiting.len() >= capacity {
            self.waiting.retain(|waiting| !waiting.reply.is_closed());
        }
        if self.waiting.len() >= capacity {
            return Err(Refused::Full { capacity });
        }
        self.waiting.push_back(job);
        Ok(())
    }

    /// What the next run gets: the oldest request whose caller is still there.
    fn take(&mut self) -> Option<Job> {
        while let Some(job) = self.waiting.pop_front() {
            if !job.reply.is_closed() {
                return Some(job);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> (Job, oneshot::Receiver<Result<Answer, RunError>>) {
        let (reply, answer) = oneshot::channel();
        (Job { batch: Batch::new(vec![]), reply, arrived: Instant::now(), span: Span::none() }, answer)
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = Queue::new(1);
        let (first, _waiting) = job();
        queue.push(first).unwrap();
        assert_eq!(queue.push(job().0), Err(Refused::Full { capacity: 1 }));
    }

    #[test]
    fn a_caller_who_left_makes_room() {
        let queue = Queue::new(1);
        let (gone, answer) = job();
        queue.push(gone).unwrap();
        drop(answer);
        let (second, _waiting) = job();
        queue.push(second).unwrap();
        assert_eq!(queue.load(), QueueLoad { waiting: 1, running: 0 });
    }

    #[test]
    fn a_caller_who_left_is_never_run() {
        let queue = Queue::new(2);
        let (gone, answer) = job();
        queue.push(gone).unwrap();
        let (second, _waiting) = job();
        queue.push(second).unwrap();
        drop(answer);
        assert!(!queue.next().unwrap().reply.is_closed());
        assert_eq!(queue.load(), QueueLoad { waiting: 0, running: 1 });
    }

    #[test]
    fn a_closed_queue_finishes_what_waits_and_then_ends() {
        let queue = Queue::new(2);
        let (first, _waiting) = job();
        queue.push(first).unwrap();
        queue.close("the server stops");
        assert_eq!(queue.push(job().0), Err(Refused::Closed { reason: "the server stops".to_owned() }));
        assert!(queue.next().is_some());
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_failed_queue_lets_everybody_go() {
        let queue = Queue::new(2);
        let (first, mut answer) = job();
        queue.push(first).unwrap();
        queue.fail("panicked too often");
        assert!(matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        assert!(queue.next().is_none());
    }
}
