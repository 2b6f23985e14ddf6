//! A model's bounded queue and its idle sessions: requests go in on any thread, threads of the model take them out
//! together with a session. Where nobody waits and runs are quick, a request takes a session itself.
//!
//! The queue refuses at once when it is full, forgets callers who left, and when it closes for good it tells everybody
//! who waits. Requests that can share a run do so: [`decide`] says which.

mod decide;
mod pace;
mod state;
mod worker;

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::Span;

use crate::engine::{Batch, Outputs, Session};
use crate::error::RunError;
use crate::request::Timing;
use crate::signature::Signature;

use self::pace::Pace;
use self::state::{Next, State};

pub(crate) use self::decide::Sharing;
pub(crate) use self::worker::{Worker, run_checked, run_guarded, unless_ended};

/// A request on its way to a session, with all that the answer needs.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) batch: Batch,
    /// Rows that may stand in a run with those of others; none where the request has a run of its own.
    pub(crate) rows: Option<usize>,
    /// Who has the lower one is run first.
    pub(crate) priority: u32,
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
    /// As many wait as may, and another one would be answered after that time at the earliest.
    Full {
        capacity: usize,
        expected: Duration,
    },
    /// So many wait that the answer would come after that time, later than the caller waits.
    Late {
        waiting: usize,
        expected: Duration,
    },
    Closed {
        reason: String,
    },
}

/// How much a model has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLoad {
    /// Requests that wait for a session.
    pub waiting: usize,
    /// Requests that a session is running.
    pub running: usize,
}

/// How a model's queue behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Requests that may wait.
    pub(crate) capacity: usize,
    pub(crate) sharing: Sharing,
    /// Whether quick runs may be done where the request arrived.
    pub(crate) direct: bool,
}

pub(crate) struct Queue {
    rules: Rules,
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
}

/// What a thread of the model does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Run what [`Queue::take`] gives, once the budget allows a run that takes that long, as far as is known.
    Run { estimate: Option<Duration> },
    /// Open a session in place of one that was lost, the last of so many in a row.
    Replace {
        /// Panics since a run went well.
        panics: u32,
    },
}

impl Queue {
    pub(crate) fn new(rules: Rules, sessions: Vec<Box<dyn Session>>) -> Self {
        let state = State::new(sessions);
        Self { rules, pace: Pace::default(), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes a request in, to be run on a thread of the model, whose caller waits no longer than `timeout`.
    pub(crate) fn push(&self, job: Job, timeout: Duration) -> Result<(), Refused> {
        let mut state = self.state();
        let expected = self.expect(&state, &job);
        state.admit(self.rules.capacity, expected, timeout)?;
        state.insert(job);
        let free = !state.idle.is_empty();
        drop(state);
        // Where all sessions are busy, whoever gives one back wakes a thread.
        if free {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Refuses where a request would find the queue full, before anybody takes the trouble to decode it.
    pub(crate) fn expect_room(&self) -> Result<(), Refused> {
        let (capacity, state) = (self.rules.capacity, self.state());
        let first = state.waiting.front().filter(|_| state.waiting.len() >= capacity);
        first.map_or(Ok(()), |first| Err(Refused::Full { capacity, expected: self.expect(&state, first) }))
    }

    /// The earliest moment of an answer to this request, from now on; none of its size may have been measured.
    fn expect(&self, state: &State, job: &Job) -> Duration {
        let run = self.pace.estimate(job.batch.byte_len()).unwrap_or_default();
        state.expect(job, run, &self.rules.sharing)
    }

    /// A session for a request that is quick enough to run where it arrived; none where others wait, all sessions are
    /// busy, or the run might take longer.
    pub(crate) fn borrow(&self, batch: &Batch) -> Option<Box<dyn Session>> {
        if !self.rules.direct || !self.pace.is_direct(batch.byte_len()) {
            return None;
        }
        let mut state = self.state();
        if state.closed.is_some() || !state.waiting.is_empty() {
            return None;
        }
        let session = state.lend()?;
        state.running += 1;
        Some(session)
    }

    /// What to do next, waiting for it; `None` once the queue is closed and empty.
    pub(crate) fn next(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            match state.next(&self.rules.sharing, Instant::now()) {
                Next::Run(positions) => {
                    let bytes = positions.into_iter().map(|position| state.waiting[position].batch.byte_len()).sum();
                    return Some(Work::Run { estimate: self.pace.estimate(bytes) });
                }
                Next::Replace { panics } => return Some(Work::Replace { panics }),
                Next::Wait => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Next::WaitFor(pause) => {
                    let waited = self.changed.wait_timeout(state, pause);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::End => return None,
            }
        }
    }

    /// A session and the requests to run with it, one at least; `None` where others were quicker. Requests gather until
    /// this call.
    pub(crate) fn take(&self) -> Option<(Box<dyn Session>, Vec<Job>)> {
        let mut state = self.state();
        let taken = state.start(&self.rules.sharing, Instant::now());
        let more = !state.waiting.is_empty() && !state.idle.is_empty();
        drop(state);
        if more {
            self.changed.notify_one();
        }
        taken
    }

    /// Runs a session, checks its outputs against the signature, and notes how long that took.
    pub(crate) fn run(
        &self,
        session: &mut dyn Session,
        batch: &Batch,
        signature: &Signature,
    ) -> (Result<Outputs, RunError>, Duration) {
        let started = Instant::now();
        let outcome = run_checked(session, batch, signature);
        let took = started.elapsed();
        self.pace.note(batch.byte_len(), took);
        (outcome, took)
    }

    /// A run of that many requests is over; the session comes back unless a panic took it.
    pub(crate) fn done(&self, session: Option<Box<dyn Session>>, requests: usize) {
        let mut state = self.state();
        state.running -= requests;
        state.give_back(session);
        self.wake(state);
    }

    /// The same, but the common run failed: each of its requests is to have a run of its own, before all others.
    pub(crate) fn split(&self, session: Option<Box<dyn Session>>, jobs: Vec<Job>) {
        let mut state = self.state();
        state.running -= jobs.len();
        state.give_back(session);
        // Else they are dropped, which tells the callers.
        if !state.failed {
            jobs.into_iter().rev().for_each(|job| state.waiting.push_front(Job { rows: None, ..job }));
        }
        self.wake(state);
    }

    /// A session in place of one that was lost.
    pub(crate) fn add(&self, session: Box<dyn Session>) {
        let mut state = self.state();
        state.idle.push(session);
        self.wake(state);
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
        state.failed = true;
        let abandoned = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        drop(abandoned);
    }

    /// Waits until no session is running, and drops them all. For a queue that is closed and that no thread serves.
    pub(crate) fn drop_sessions(&self) {
        let mut state = self.state();
        while state.lent > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let sessions = std::mem::take(&mut state.idle);
        drop(state);
        drop(sessions);
    }

    /// Makes room for others at once where a caller has left.
    pub(crate) fn forget_gone(&self) {
        let mut state = self.state();
        let (gone, left): (Vec<_>, Vec<_>) = state.waiting.drain(..).partition(Job::is_forsaken);
        state.waiting = left.into();
        drop(state);
        drop(gone);
    }

    /// Why the queue is closed, if it is.
    pub(crate) fn closed(&self) -> Option<String> {
        self.state().closed.clone()
    }

    pub(crate) fn load(&self) -> QueueLoad {
        let state = self.state();
        QueueLoad { waiting: state.waiting.len(), running: state.running }
    }

    /// Wakes one thread where there is something to do, or all that may be waiting for the end.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let (over, more) = (state.closed.is_some(), !state.waiting.is_empty() || state.lost > 0);
        drop(state);
        if over {
            self.changed.notify_all();
        } else if more {
            self.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Queue").field("rules", &self.rules).field("load", &self.load()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Duration = Duration::MAX;

    type Waits = oneshot::Receiver<Result<Answer, RunError>>;

    /// A session that is never run.
    struct Idle;

    impl Session for Idle {
        fn run(&mut self, _batch: &Batch) -> Result<Outputs, RunError> {
            Ok(vec![])
        }
    }

    fn queue(capacity: usize) -> Queue {
        let rules = Rules { capacity, sharing: Sharing::OFF, direct: true };
        Queue::new(rules, vec![Box::new(Idle)])
    }

    fn job() -> (Job, Waits) {
        let (reply, answer) = oneshot::channel();
        (
            Job {
                batch: Batch::new(vec![]),
                rows: None,
                priority: 1,
                reply,
                arrived: Instant::now(),
                span: Span::none(),
            },
            answer,
        )
    }

    fn next_jobs(queue: &Queue) -> Vec<Job> {
        assert!(matches!(queue.next(), Some(Work::Run { .. })));
        queue.take().map(|(_, jobs)| jobs).unwrap_or_default()
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = queue(2);
        queue.pace.note(0, Duration::from_millis(100));
        let waits = [(); 2].map(|()| {
            let (job, answer) = job();
            queue.push(job, FOREVER).unwrap();
            answer
        });
        let expected = Duration::from_millis(300);
        assert_eq!(queue.push(job().0, FOREVER), Err(Refused::Full { capacity: 2, expected }));
        drop(waits);
    }

    #[test]
    fn a_caller_who_left_makes_room() {
        let queue = queue(1);
        let (gone, answer) = job();
        queue.push(gone, FOREVER).unwrap();
        drop(answer);
        queue.forget_gone();
        let (second, _waiting) = job();
        queue.push(second, FOREVER).unwrap();
        assert_eq!(queue.load(), QueueLoad { waiting: 1, running: 0 });
    }

    #[test]
    fn the_more_urgent_is_run_first_and_the_older_of_two_as_urgent() {
        let queue = queue(4);
        let waits = [2, 1, 2, 1].map(|priority| {
            let (job, answer) = job();
            queue.push(Job { priority, ..job }, FOREVER).unwrap();
            answer
        });
        let order: Vec<_> = queue.state().waiting.drain(..).map(|job| (job.priority, job.arrived)).collect();
        assert!(order.is_sorted(), "{order:?}");
        drop(waits);
    }

    #[test]
    fn who_would_wait_in_vain_is_refused_at_once() {
        let queue = queue(100);
        queue.pace.note(0, Duration::from_millis(100));
        let mut waits = Vec::new();
        for _ in 0..3 {
            let (job, answer) = job();
            queue.push(job, Duration::from_millis(350)).unwrap();
            waits.push(answer);
        }
        let expected = Duration::from_millis(400);
        let late = Err(Refused::Late { waiting: 3, expected });
        assert_eq!(queue.push(job().0, Duration::from_millis(350)), late);
        assert_eq!(queue.push(Job { priority: 0, ..job().0 }, Duration::from_millis(350)), Ok(()));
        assert_eq!(queue.push(job().0, expected + Duration::from_millis(100)), Ok(()));
    }

    #[test]
    fn a_closed_queue_finishes_what_waits_and_then_ends() {
        let queue = queue(2);
        let (first, _waiting) = job();
        queue.push(first, FOREVER).unwrap();
        queue.close("the server stops");
        assert_eq!(queue.push(job().0, FOREVER), Err(Refused::Closed { reason: "the server stops".to_owned() }));
        assert_eq!(next_jobs(&queue).len(), 1);
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_failed_queue_lets_everybody_go() {
        let queue = queue(2);
        let (first, mut answer) = job();
        queue.push(first, FOREVER).unwrap();
        queue.fail("panicked too often");
        assert!(matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_request_takes_a_session_itself_only_if_runs_are_quick_and_nobody_waits() {
        let (queue, batch) = (queue(2), Batch::new(vec![]));
        assert!(queue.borrow(&batch).is_none(), "nothing was measured");
        queue.pace.note(0, Duration::from_micros(1));
        let session = queue.borrow(&batch);
        assert!(session.is_some());
        assert!(queue.borrow(&batch).is_none(), "the only session is busy");
        queue.done(session, 1);
        let (waiting, _answer) = job();
        queue.push(waiting, FOREVER).unwrap();
        assert!(queue.borrow(&batch).is_none(), "another one waits");
        assert_eq!(next_jobs(&queue).len(), 1);
    }

    #[test]
    fn a_lost_session_is_replaced_before_anything_else() {
        let (queue, batch) = (queue(2), Batch::new(vec![]));
        queue.pace.note(0, Duration::from_micros(1));
        drop(queue.borrow(&batch).unwrap());
        queue.done(None, 1);
        assert_eq!(queue.next(), Some(Work::Replace { panics: 1 }));
        queue.add(Box::new(Idle));
        assert!(queue.borrow(&batch).is_some());
    }
}
