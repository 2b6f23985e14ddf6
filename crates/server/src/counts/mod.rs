//! What each model was asked and did, counted as it happens. Metrics and Triton's statistics are both read from here, so
//! they cannot disagree. A request adds to atomics that are there already: it takes no lock, and allocates nothing.

mod batches;
mod histogram;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use loadonce_core::registry::{Entry, Registry};
use loadonce_core::{ErrorKind, Timing};

use self::batches::Batches;
use self::histogram::nanoseconds;
use crate::error::ApiError;

pub(crate) use self::batches::Batch;
pub(crate) use self::histogram::{Histogram, Reading};

/// Counts of every declared model, by name. They only grow: whoever wants those of a period subtracts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    models: BTreeMap<String, Arc<ModelCounts>>,
    /// Of requests for models that there are not: their names come from callers, who could bring any number of them.
    unknown: Arc<ModelCounts>,
}

/// Counts of one model.
#[derive(Debug)]
pub(crate) struct ModelCounts {
    pub(crate) version: String,
    outcomes: [[AtomicU64; Outcome::COUNT]; Protocol::ALL.len()],
    /// From the head of each request to its outcome.
    pub(crate) duration: Histogram,
    /// Of each answered request, until a session took it.
    pub(crate) queue: Histogram,
    /// Of each run that answered a request; so are the next two.
    pub(crate) run: Histogram,
    pub(crate) run_rows: Histogram,
    pub(crate) run_requests: Histogram,
    direct_runs: AtomicU64,
    success: Total,
    fail: Total,
    /// Rows of answered requests.
    rows: AtomicU64,
    /// In the model, for each answered request, also where several shared a run.
    infer: AtomicU64,
    batches: Batches,
    /// Since when times are told here.
    since: Instant,
    /// When the last request was answered, in nanoseconds since then; 0 before.
    last: AtomicU64,
}

/// How often something happened, and how long that took in nanoseconds.
#[derive(Debug, Default)]
struct Total {
    count: AtomicU64,
    ns: AtomicU64,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    V1,
    V2,
    Grpc,
    SageMaker,
    Vertex,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Failed(ErrorKind),
    /// The caller left before there was an answer.
    ClientGone,
}

/// Where the time of one answered request went, and how many rows it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Reading the request.
    pub(crate) decode: Duration,
    /// Waiting for and running the model.
    pub(crate) timing: Timing,
    /// Writing the answer.
    pub(crate) encode: Duration,
    pub(crate) rows: u64,
}

/// A request under way, counted once: when its outcome is known, or when it is dropped because its caller has left.
#[derive(Debug)]
pub(crate) struct Pending {
    counts: Arc<ModelCounts>,
    protocol: Protocol,
    started: Instant,
    is_counted: bool,
}

/// What Triton tells of a model besides its batches; times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Requests that were answered, and their whole time.
    pub(crate) success: (u64, u64),
    pub(crate) fail: (u64, u64),
    /// Of answered requests.
    pub(crate) queue: (u64, u64),
    /// In the model, for each request.
    pub(crate) infer: u64,
    pub(crate) rows: u64,
    pub(crate) runs: u64,
    /// When the last request was answered, in milliseconds since 1970; 0 before.
    pub(crate) last: u64,
}

impl Counts {
    /// Counts of these models: those that are here already, and new ones of models or versions that are not.
    pub(crate) fn for_models(&self, registry: &Registry) -> Self {
        let new = |entry: &Entry| ModelCounts { version: entry.version().to_owned(), ..ModelCounts::default() };
        let counts = |name: &str, entry: &Entry| {
            let present = self.models.get(name).filter(|counts| counts.version == entry.version());
            present.cloned().unwrap_or_else(|| Arc::new(new(entry)))
        };
        let models = registry.iter().map(|(name, entry)| (name.to_owned(), counts(name, entry)));
        Self { models: models.collect(), unknown: Arc::clone(&self.unknown) }
    }

    /// The counts of that model, or those of all that are unknown.
    pub(crate) fn of(&self, model: &str) -> &Arc<ModelCounts> {
        self.models.get(model).unwrap_or(&self.unknown)
    }

    /// The counts of each model, and under the name `unknown` those of all others, if one was asked for.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ModelCounts)> {
        let unknown = Some(("unknown", &*self.unknown)).filter(|(_, counts)| counts.duration.count() > 0);
        self.models.iter().map(|(name, counts)| (name.as_str(), &**counts)).chain(unknown)
    }
}

impl Default for ModelCounts {
    fn default() -> Self {
        Self {
            version: String::new(),
            outcomes: Default::default(),
            duration: Histogram::of_times(),
            queue: Histogram::of_times(),
            run: Histogram::of_times(),
            run_rows: Histogram::of_sizes(),
            run_requests: Histogram::of_sizes(),
            direct_runs: AtomicU64::default(),
            success: Total::default(),
            fail: Total::default(),
            rows: AtomicU64::default(),
            infer: AtomicU64::default(),
            batches: Batches::default(),
            since: Instant::now(),
            last: AtomicU64::default(),
        }
    }
}

impl ModelCounts {
    /// A request that came when `started` says.
    pub(crate) fn begin(self: &Arc<Self>, protocol: Protocol, started: Instant) -> Pending {
        Pending { counts: Arc::clone(self), protocol, started, is_counted: false }
    }

    /// What became of requests, as far as there were any.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (Protocol, Outcome, u64)> {
        let all = Protocol::ALL.into_iter().flat_map(|protocol| Outcome::all().map(move |outcome| (protocol, outcome)));
        all.filter_map(|(protocol, outcome)| {
            let count = self.outcome(protocol, outcome).load(Ordering::Relaxed);
            (count > 0).then_some((protocol, outcome, count))
        })
    }

    /// Runs that were done where their request arrived.
    pub(crate) fn direct_runs(&self) -> u64 {
        self.direct_runs.load(Ordering::Relaxed)
    }

    pub(crate) fn sums(&self) -> Sums {
        Sums {
            success: self.success.read(),
            fail: self.fail.read(),
            queue: (self.queue.count(), self.queue.sum()),
            infer: self.infer.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            runs: self.run.count(),
            last: self.last(),
        }
    }

    /// Requests by the size of the run that answered them.
    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.batches.read()
    }

    fn outcome(&self, protocol: Protocol, outcome: Outcome) -> &AtomicU64 {
        &self.outcomes[protocol as usize][outcome.position()]
    }

    fn answered(&self, Answered { decode, timing, encode, rows }: &Answered) {
        self.queue.add_time(timing.queue);
        self.infer.fetch_add(nanoseconds(timing.run), Ordering::Relaxed);
        self.rows.fetch_add(*rows, Ordering::Relaxed);
        self.batches.add(timing, *decode, *encode);
        if timing.shared.leads {
            self.run.add_time(timing.run);
            self.run_rows.add(timing.shared.rows as u64);
            self.run_requests.add(timing.shared.requests as u64);
            self.direct_runs.fetch_add(u64::from(timing.is_direct), Ordering::Relaxed);
        }
    }

    /// When the last request was answered, in milliseconds since 1970; 0 before.
    fn last(&self) -> u64 {
        let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
        if last.is_zero() {
            return 0;
        }
        let ago = self.since.elapsed().saturating_sub(last);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.saturating_sub(ago).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Pending {
    /// The request was answered at that time.
    pub(crate) fn answered(mut self, answered: &Answered, ended: Instant) {
        self.counts.answered(answered);
        self.counts.last.store(nanoseconds(ended - self.counts.since), Ordering::Relaxed);
        self.end(Outcome::Answered, ended);
    }

    /// The request was refused, or failed.
    pub(crate) fn failed(mut self, error: &ApiError) {
        self.end(Outcome::Failed(error.outcome()), Instant::now());
    }

    fn end(&mut self, outcome: Outcome, at: Instant) {
        self.is_counted = true;
        let time = at - self.started;
        self.counts.outcome(self.protocol, outcome).fetch_add(1, Ordering::Relaxed);
        self.counts.duration.add_time(time);
        let total = if outcome == Outcome::Answered { &self.counts.success } else { &self.counts.fail };
        total.add(time);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_counted {
            let is_panic = std::thread::panicking();
            let outcome = if is_panic { Outcome::Failed(ErrorKind::Internal) } else { Outcome::ClientGone };
            self.end(outcome, Instant::now());
        }
    }
}

impl Total {
    fn add(&self, time: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.ns.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.count.load(Ordering::Relaxed), self.ns.load(Ordering::Relaxed))
    }
}

impl Protocol {
    const ALL: [Self; 5] = [Self::V1, Self::V2, Self::Grpc, Self::SageMaker, Self::Vertex];

    /// The label in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Grpc => "grpc",
            Self::SageMaker => "sagemaker",
            Self::Vertex => "vertex",
        }
    }
}

impl Outcome {
    const COUNT: usize = ErrorKind::ALL.len() + 2;

    fn all() -> impl Iterator<Item = Self> {
        [Self::Answered, Self::ClientGone].into_iter().chain(ErrorKind::ALL.into_iter().map(Self::Failed))
    }

    /// A place for each.
    fn position(self) -> usize {
        match self {
            Self::Failed(kind) => kind as usize,
            Self::Answered => Self::COUNT - 2,
            Self::ClientGone => Self::COUNT - 1,
        }
    }

    /// The label in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Failed(kind) => kind.as_str(),
            Self::ClientGone => "client_gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::SharedRun;

    use super::*;

    fn answered(leads: bool) -> Answered {
        let nanoseconds = Duration::from_nanos;
        let shared = SharedRun { requests: 2, rows: 6, leads };
        let timing = Timing { queue: nanoseconds(2), run: nanoseconds(3), shared, is_direct: false };
        Answered { decode: nanoseconds(1), timing, encode: nanoseconds(4), rows: 3 }
    }

    #[test]
    fn requests_are_counted_each_and_shared_runs_once() {
        let counts = Arc::new(ModelCounts::default());
        for leads in [true, false] {
            counts.begin(Protocol::V2, Instant::now()).answered(&answered(leads), Instant::now());
        }
        counts.begin(Protocol::V1, Instant::now()).failed(&ApiError::invalid("wrong"));
        let sums = counts.sums();
        assert_eq!((sums.success.0, sums.fail.0, sums.queue, sums.infer), (2, 1, (2, 4), 6));
        assert_eq!((sums.rows, sums.runs, counts.run_rows.sum(), counts.run_requests.sum()), (6, 1, 6, 2));
        let batch = Batch { rows: Some(6), requests: 2, decode: 2, encode: 8, runs: 1, run: 3 };
        assert_eq!(counts.batches(), [batch]);
        assert_eq!(counts.duration.count(), 3);
    }

    #[test]
    fn every_outcome_has_a_place_of_its_own() {
        let mut places: Vec<_> = Outcome::all().map(Outcome::position).collect();
        places.sort_unstable();
        assert_eq!(places, (0..Outcome::COUNT).collect::<Vec<_>>());
        assert!(Protocol::ALL.iter().enumerate().all(|(place, protocol)| *protocol as usize == place));
    }

    #[test]
    fn a_request_that_nobody_waits_for_is_counted_as_such() {
        let counts = Arc::new(ModelCounts::default());
        drop(counts.begin(Protocol::Grpc, Instant::now()));
        counts.begin(Protocol::Grpc, Instant::now()).failed(&ApiError::invalid("wrong"));
        let outcomes: Vec<_> = counts.outcomes().map(|(_, outcome, count)| (outcome.as_str(), count)).collect();
        assert_eq!(outcomes, [("client_gone", 1), ("invalid_request", 1)]);
    }
}
