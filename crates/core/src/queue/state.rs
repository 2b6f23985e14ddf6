//! What a queue knows: who waits, which sessions are free, and what is to be done next. No lock and no thread here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::decide::{Choice, Sharing, Waiting, choose};
use super::{Job, Refused};
use crate::engine::Session;

/// What a queue holds; its owner has the lock.
#[derive(Default)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Job>,
    /// Requests in sessions.
    pub(super) running: usize,
    /// Sessions that are free.
    pub(super) idle: Vec<Box<dyn Session>>,
    /// Sessions that are running.
    pub(super) lent: usize,
    /// Sessions lost to a panic and not yet replaced.
    pub(super) lost: usize,
    /// Sessions lost since a run went well.
    panics: u32,
    /// Why nothing is taken in any more.
    pub(super) closed: Option<String>,
    /// Nobody answers any more.
    pub(super) failed: bool,
}

/// What there is to do at this moment.
pub(super) enum Next {
    /// Run the requests at these positions with a session that is free.
    Run(Vec<usize>),
    /// Replace a session.
    Replace {
        panics: u32,
    },
    Wait,
    WaitFor(Duration),
    End,
}

impl State {
    pub(super) fn new(sessions: Vec<Box<dyn Session>>) -> Self {
        Self { idle: sessions, ..Self::default() }
    }

    pub(super) fn admit(&self, capacity: usize) -> Result<(), Refused> {
        match &self.closed {
            Some(reason) => Err(Refused::Closed { reason: reason.clone() }),
            None if self.waiting.len() >= capacity => Err(Refused::Full { capacity }),
            None => Ok(()),
        }
    }

    /// Refuses who would wait in vain, even if every run ahead is full and takes no longer than `run`.
    pub(super) fn expect_in_time(
        &self,
        job: &Job,
        timeout: Duration,
        run: Duration,
        sharing: &Sharing,
    ) -> Result<(), Refused> {
        let ahead = self.waiting.iter().filter(|waiting| waiting.priority <= job.priority);
        let runs = match job.rows {
            Some(_) => ahead.map(Job::rows).sum::<usize>() / sharing.rows,
            None => ahead.count(),
        };
        let expected = earliest_answer(runs, run, self.lent + self.idle.len());
        if expected <= timeout { Ok(()) } else { Err(Refused::Late { waiting: self.waiting.len(), expected }) }
    }

    /// Behind those who came before it and are as urgent.
    pub(super) fn insert(&mut self, job: Job) {
        let place = self.waiting.iter().rposition(|waiting| waiting.priority <= job.priority);
        self.waiting.insert(place.map_or(0, |place| place + 1), job);
    }

    pub(super) fn next(&mut self, sharing: &Sharing, now: Instant) -> Next {
        if self.failed {
            return Next::End;
        }
        if self.lost > 0 {
            self.lost -= 1;
            return Next::Replace { panics: self.panics };
        }
        match self.choose(sharing, now) {
            Choice::Nothing if self.waiting.is_empty() && self.closed.is_some() => Next::End,
            Choice::Nothing => Next::Wait,
            Choice::WaitUntil(end) => Next::WaitFor(end.saturating_duration_since(now)),
            Choice::Run(positions) => Next::Run(positions),
        }
    }

    /// What the session that is free should run, if there is one.
    fn choose(&self, sharing: &Sharing, now: Instant) -> Choice {
        if self.idle.is_empty() {
            return Choice::Nothing;
        }
        // Nobody comes any more once the queue is closed.
        let delay = if self.closed.is_some() { Duration::ZERO } else { sharing.delay };
        choose(&self.waiting, now, &Sharing { delay, ..*sharing })
    }

    /// A session and the requests that it is to run now.
    pub(super) fn start(&mut self, sharing: &Sharing, now: Instant) -> Option<(Box<dyn Session>, Vec<Job>)> {
        let Choice::Run(positions) = self.choose(sharing, now) else { return None };
        let session = self.lend()?;
        self.running += positions.len();
        Some((session, self.remove(&positions)))
    }

    pub(super) fn lend(&mut self) -> Option<Box<dyn Session>> {
        let session = self.idle.pop()?;
        self.lent += 1;
        Some(session)
    }

    pub(super) fn give_back(&mut self, session: Option<Box<dyn Session>>) {
        self.lent -= 1;
        if let Some(session) = session {
            self.panics = 0;
            self.idle.push(session);
        } else {
            self.panics += 1;
            self.lost += 1;
        }
    }

    /// The jobs at these ascending positions.
    fn remove(&mut self, positions: &[usize]) -> Vec<Job> {
        if positions.len() == positions.last().map_or(0, |last| last + 1) {
            return self.waiting.drain(..positions.len()).collect();
        }
        let mut wanted = positions.iter().copied().peekable();
        let all = std::mem::take(&mut self.waiting).into_iter().enumerate();
        let (chosen, left): (Vec<_>, Vec<_>) = all.partition(|(position, _)| wanted.next_if_eq(position).is_some());
        self.waiting = left.into_iter().map(|(_, job)| job).collect();
        chosen.into_iter().map(|(_, job)| job).collect()
    }
}

/// The earliest moment of an answer, from now on, behind that many runs that `sessions` share.
fn earliest_answer(runs: usize, run: Duration, sessions: usize) -> Duration {
    let rounds = u32::try_from(runs / sessions.max(1)).unwrap_or(u32::MAX).saturating_add(1);
    run.saturating_mul(rounds)
}

impl Job {
    /// Whether nobody waits for the answer.
    pub(super) fn is_forsaken(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Waiting for Job {
    fn rows(&self) -> usize {
        self.rows.unwrap_or(1)
    }

    fn bytes(&self) -> usize {
        self.batch.byte_len()
    }

    fn arrived(&self) -> Instant {
        self.arrived
    }

    fn fits(&self, other: &Self) -> bool {
        self.rows.is_some() && other.rows.is_some() && self.batch.has_rows_like(&other.batch)
    }
}
