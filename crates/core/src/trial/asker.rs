//! One thread that asks a model: with a session of its own, request after request, comparing every answer.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::answers::{Answered, Sameness};
use super::cases::Case;
use super::times::Reservoir;
use super::{Difference, Finding, Subject};
use crate::engine::{Outputs, Session};
use crate::error::{LoadError, RunError};
use crate::queue::run_checked;

/// The thread's means and what it has seen.
pub(super) struct Asker<'a> {
    subject: &'a Subject,
    /// Threads that ask at the same time.
    threads: usize,
    session: Box<dyn Session>,
    rng: Rng,
    pub(super) times: Reservoir,
    pub(super) runs: u64,
    /// That its last rounds took.
    pub(super) time: Duration,
    pub(super) is_exact: bool,
    /// The first thing that was wrong; nothing is asked after it.
    pub(super) finding: Option<Finding>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(subject: &'a Subject, threads: usize, seed: u64) -> Result<Self, LoadError> {
        Ok(Self {
            subject,
            threads,
            session: subject.model.open_session()?,
            rng: Rng::with_seed(seed),
            times: Reservoir::new(seed),
            runs: 0,
            time: Duration::ZERO,
            is_exact: true,
            finding: None,
        })
    }

    /// The answers to all requests, in turn.
    pub(super) fn answers(&mut self, cases: &[Case]) -> Vec<Answered> {
        let answers = cases.iter().filter_map(|case| {
            let outputs = self.run(case)?;
            Some(Answered { case: case.clone(), outputs })
        });
        answers.collect()
    }

    /// Asks all again, in turn or in another order; the first answer that is not the same is a finding of that kind.
    pub(super) fn round(&mut self, answers: &[Answered], is_shuffled: bool, kind: impl Fn(Difference) -> Finding) {
        let mut order: Vec<_> = answers.iter().collect();
        if is_shuffled {
            self.rng.shuffle(&mut order);
        }
        for answered in order {
            let Some(outputs) = self.run(&answered.case) else { return };
            match answered.against(&outputs, &self.subject.signature) {
                Sameness::Exact => (),
                Sameness::Close => self.is_exact = false,
                Sameness::Different(difference) => {
                    self.finding = Some(kind(difference));
                    return;
                }
            }
        }
    }

    /// Goes on with rounds until it is over, or the first finding; at least one.
    pub(super) fn rounds_until(
        &mut self,
        is_over: impl Fn() -> bool,
        answers: &[Answered],
        kind: impl Fn(Difference) -> Finding,
    ) {
        let started = Instant::now();
        loop {
            self.round(answers, true, &kind);
            if self.finding.is_some() || is_over() {
                break;
            }
        }
        self.time = started.elapsed();
    }

    /// None after a finding, which an error is too.
    fn run(&mut self, case: &Case) -> Option<Outputs> {
        if self.finding.is_some() {
            return None;
        }
        let started = Instant::now();
        let outcome = run_checked(&mut *self.session, &case.batch, &self.subject.signature);
        self.note(started.elapsed());
        outcome.map_err(|error| self.finding = Some(self.failure(case, &error))).ok()
    }

    fn note(&mut self, time: Duration) {
        self.times.add(time);
        self.runs += 1;
    }

    fn failure(&self, case: &Case, error: &RunError) -> Finding {
        Finding::Fails { threads: self.threads, case: case.to_string(), error: error.to_string() }
    }
}
