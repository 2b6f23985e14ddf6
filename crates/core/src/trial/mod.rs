//! The trial of a loaded model: is it safe to share, does it answer the same whatever came before and whoever asks beside,
//! does its memory stay as it is, and does it survive the loss of its workers?
//!
//! Requests are the model's samples and others made from them or from its signature (`cases`). They are run one after the
//! other (`alone`), which gives the answers that all others are compared with, then by many threads at once (`together`);
//! meanwhile memory is read (`growth`) and the time that threads wait (`waiting`). What the figures mean is decided by pure
//! functions.

mod alone;
mod answers;
mod asker;
mod cases;
mod growth;
mod recovery;
mod times;
mod together;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Contract, Model};
use crate::error::LoadError;
use crate::ledger::{Memory, Sharing};
use crate::sample::Sample;
use crate::signature::Signature;

pub use self::cases::Origin;
pub use self::growth::Growth;
pub use self::times::Times;

/// How a trial goes.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Time for all of it, as far as each request is run at least twice by each thread.
    pub time: Duration,
    /// Of the requests that are made, and of the order in which they are asked.
    pub seed: u64,
    /// Numbers of threads that ask at once, one after the other.
    pub threads: Vec<usize>,
}

/// A loaded model that is to be tried, while nobody else asks it.
pub struct Subject {
    pub(crate) model: Arc<dyn Model>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) contract: Contract,
    /// Sessions that it is served with.
    pub(crate) sessions: usize,
}

/// How a trial went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Requests by where they come from.
    pub cases: Vec<(Origin, usize)>,
    /// One thread, then more; empty where there was nothing to ask.
    pub levels: Vec<Level>,
    /// Whether all equal answers were equal bit for bit, and not only within the tolerance of their sample.
    pub is_exact: bool,
    /// What memory did while one thread asked; `None` where the kernel does not tell.
    pub growth: Option<Growth>,
    /// Workers that were killed and replaced, for a model that has some.
    pub recovered: usize,
    /// What the model took in the end.
    pub memory: Memory,
    /// What is wrong, in the order in which it was found.
    pub findings: Vec<Finding>,
}

/// How it went with so many threads.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Threads, each with a session.
    pub threads: usize,
    /// Runs of all.
    pub runs: u64,
    /// From the first to the last.
    pub time: Duration,
    /// Of a run.
    pub times: Times,
    /// The part of their time that threads neither ran nor were ready to run; `None` where the kernel does not tell.
    pub waiting: Option<f64>,
}

/// Something that is wrong with a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The same requests in the same order are answered otherwise.
    Unsteady(Difference),
    /// A request is answered otherwise when others came before it.
    Remembers(Difference),
    /// A request is answered otherwise while others run.
    NotSafe {
        /// Threads that asked.
        threads: usize,
        /// The answers.
        difference: Difference,
    },
    /// A request that was answered is answered with an error later.
    Fails {
        /// Threads that asked.
        threads: usize,
        /// The request.
        case: String,
        /// The error.
        error: String,
    },
    /// Memory grows with the number of runs.
    Leaks(Growth),
    /// Runs wait for each other, though the model says that it can be shared.
    Serial {
        /// Threads that asked.
        threads: usize,
        /// The part of their time that they wait, more than one thread alone does.
        waiting: f64,
    },
    /// A request was not answered after its worker was killed.
    NotRecovered {
        /// The request.
        case: String,
        /// What happened instead.
        what: String,
    },
}

/// Two answers to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The request.
    pub case: String,
    /// Where they differ, and both values.
    pub what: String,
}

impl Subject {
    /// Tries the model. Blocks until that is done; `step` is told what comes next.
    ///
    /// # Errors
    /// A session cannot be opened.
    pub fn examine(&self, samples: &[Sample], rules: &Rules, step: &dyn Fn(&str)) -> Result<Outcome, LoadError> {
        step("requests");
        let cases = cases::make(self, samples, rules.seed)?;
        let mut outcome = Outcome {
            cases: cases::count(&cases),
            levels: Vec::new(),
            is_exact: true,
            growth: None,
            recovered: 0,
            memory: self.model.memory(),
            findings: Vec::new(),
        };
        if cases.is_empty() {
            return Ok(outcome);
        }
        step("1 thread");
        let answers = alone::run(self, &cases, rules, &mut outcome)?;
        let counts = self.thread_counts(&rules.threads);
        let time = rules.time / 2 / u32::try_from(counts.len().max(1)).unwrap_or(u32::MAX);
        for threads in counts {
            // Where the answers are not the same twice, more of them would say nothing.
            if outcome.findings.is_empty() {
                step(&format!("{threads} threads"));
                together::run(self, &answers, &together::Plan { threads, time, seed: rules.seed }, &mut outcome)?;
            }
        }
        if outcome.findings.is_empty() && !self.is_in_process() {
            step("recovery");
            recovery::run(self, &answers, &mut outcome)?;
        }
        outcome.memory = self.model.memory();
        Ok(outcome)
    }

    /// A model with processes of its own is asked by as many as it is served with: each would be a process more.
    fn thread_counts(&self, wanted: &[usize]) -> Vec<usize> {
        match (self.contract, self.is_in_process()) {
            (Contract::Exclusive, _) => Vec::new(),
            (Contract::Shared, true) => wanted.iter().copied().filter(|threads| *threads > 1).collect(),
            (Contract::Shared, false) => vec![self.sessions.max(2)],
        }
    }

    fn is_in_process(&self) -> bool {
        self.model.memory().sharing == Sharing::InProcess
    }
}

impl Outcome {
    /// Runs of all levels.
    pub fn runs(&self) -> u64 {
        self.levels.iter().map(|level| level.runs).sum()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsteady(difference) => write!(
                formatter,
                "answers at random, or keeps something of every run: asked the same in the same order, {difference}"
            ),
            Self::Remembers(difference) => {
                write!(formatter, "keeps something of the request before: asked in another order, {difference}")
            }
            Self::NotSafe { threads, difference } => write!(
                formatter,
                "not safe to share: with {threads} threads, {difference}; contract = \"exclusive\" in model.toml lets one \
                 run at a time"
            ),
            Self::Fails { threads: 1, case, error } => write!(formatter, "{case} was answered once, and then: {error}"),
            Self::Fails { threads, case, error } => {
                write!(formatter, "{case} was answered alone, and with {threads} threads: {error}")
            }
            Self::Leaks(growth) => write!(formatter, "memory grows by {growth}"),
            Self::Serial { threads, waiting } => write!(
                formatter,
                "runs wait for each other: with {threads} threads, {:.0}% of their time; contract = \"exclusive\" in \
                 model.toml would say so",
                waiting * 100.0
            ),
            Self::NotRecovered { case, what } => write!(formatter, "after its worker was killed, {case}: {what}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.case, self.what)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subject").field("contract", &self.contract).finish_non_exhaustive()
    }
}
