//! What came of the requests of a row.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::head::Explained;
use super::pace::Turn;

/// From 100 nanoseconds to an hour, with three digits.
const BOUNDS: (u64, u64, u8) = (100, 3_600_000_000_000, 3);

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FaultKind {
    /// 200 with another answer than the right one.
    Wrong,
    /// 429: the server has as much to do as it takes on.
    Refused,
    /// Any other status than 200.
    Status(u16),
    /// No answer in time.
    TimedOut,
    /// No answer, because there was no connection or because it broke.
    Connection,
}

/// A request that failed, and how in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) message: String,
}

/// All faults of a kind.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    /// In nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// The words of one of them.
    pub(super) example: String,
}

/// Requests that counted.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Of right answers, in nanoseconds from when they were due.
    pub(super) latency: Histogram<u64>,
    pub(super) faults: BTreeMap<FaultKind, Faults>,
    /// Requests that waited for a connection.
    pub(super) late: u64,
    /// Requests for which there was no connection until the end.
    pub(super) unsent: u64,
    pub(super) explanations: Explanations,
    /// When the last one ended.
    pub(super) last: Option<Instant>,
}

/// Sums of what the server said of some requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Explanations {
    count: u32,
    queue: Duration,
    run: Duration,
    shared: u64,
}

/// Means of what the server said of some requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Explanation {
    /// Requests of which it was said.
    pub(super) count: u32,
    /// Waiting for a session.
    pub(super) queue: Duration,
    /// In the model.
    pub(super) run: Duration,
    /// Requests that shared the run.
    pub(super) shared: f64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency: histogram(),
            faults: BTreeMap::new(),
            late: 0,
            unsent: 0,
            explanations: Explanations::default(),
            last: None,
        }
    }
}

fn histogram() -> Histogram<u64> {
    let (low, high, digits) = BOUNDS;
    Histogram::new_with_bounds(low, high, digits).expect("the bounds are constants that fit each other")
}

impl Tally {
    /// Counts a request that has just ended.
    pub(super) fn record(&mut self, turn: Turn, outcome: Result<Explained, Fault>) {
        let now = Instant::now();
        let time = nanoseconds(now.saturating_duration_since(turn.due));
        self.last = Some(now);
        self.late += u64::from(turn.is_late);
        match outcome {
            Ok(explained) => {
                self.latency.saturating_record(time);
                self.explanations.add(explained);
            }
            Err(Fault { kind, message }) => {
                let faults = self.faults.entry(kind);
                let faults = faults.or_insert_with(|| Faults { latency: histogram(), example: message });
                faults.latency.saturating_record(time);
            }
        }
    }

    /// Adds what another thread has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        add(&mut self.latency, &other.latency);
        for (kind, faults) in &other.faults {
            let ours = self.faults.entry(*kind);
            let ours = ours.or_insert_with(|| Faults { latency: histogram(), example: faults.example.clone() });
            add(&mut ours.latency, &faults.latency);
        }
        self.late += other.late;
        self.unsent += other.unsent;
        self.explanations.merge(other.explanations);
        self.last = self.last.max(other.last);
    }

    /// Requests that were answered rightly.
    pub(super) fn right(&self) -> u64 {
        self.latency.len()
    }

    /// Requests that were not.
    pub(super) fn failed(&self) -> u64 {
        self.faults.values().map(|faults| faults.latency.len()).sum()
    }
}

/// Both have the same bounds, so nothing is lost.
fn add(sum: &mut Histogram<u64>, other: &Histogram<u64>) {
    let added = sum.add(other);
    debug_assert!(added.is_ok());
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Explanations {
    fn add(&mut self, explained: Explained) {
        if let Explained { queue: Some(queue), run: Some(run), shared: Some(shared) } = explained {
            self.merge(Self { count: 1, queue, run, shared: shared.into() });
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.queue += other.queue;
        self.run += other.run;
        self.shared += other.shared;
    }

    /// The means, if anything was said.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more digits")]
    pub(super) fn mean(self) -> Option<Explanation> {
        let Self { count, queue, run, shared } = self;
        let (queue, run) = (queue.checked_div(count)?, run.checked_div(count)?);
        Some(Explanation { count, queue, run, shared: shared as f64 / f64::from(count) })
    }
}

impl FaultKind {
    /// The name in reports.
    pub(super) fn name(self) -> String {
        match self {
            Self::Wrong => "wrong_answer".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Status(status) => format!("status_{status}"),
            Self::TimedOut => "timeout".to_owned(),
            Self::Connection => "connection".to_owned(),
        }
    }
}

impl fmt::Display for FaultKind {
    /// After a count of requests.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => formatter.write_str("answered wrongly"),
            Self::Refused => formatter.write_str("refused (429)"),
            Self::Status(status) => write!(formatter, "answered {status}"),
            Self::TimedOut => formatter.write_str("not answered in time"),
            Self::Connection => formatter.write_str("without a connection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(ago: Duration) -> Turn {
        Turn { due: Instant::now().checked_sub(ago).unwrap(), is_measured: true, is_late: false }
    }

    #[test]
    fn time_counts_from_when_a_request_was_due() {
        let mut tally = Tally::default();
        tally.record(turn(Duration::from_secs(7)), Ok(Explained::default()));
        assert!(tally.latency.max() >= 7_000_000_000);
        assert_eq!((tally.right(), tally.failed(), tally.explanations.mean()), (1, 0, None));
    }

    #[test]
    fn faults_are_counted_by_kind_with_the_words_of_the_first() {
        let fault = |kind, message: &str| Err(Fault { kind, message: message.to_owned() });
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.record(turn(Duration::ZERO), fault(FaultKind::Refused, "full"));
        one.record(turn(Duration::ZERO), fault(FaultKind::Refused, "still full"));
        other.record(turn(Duration::ZERO), fault(FaultKind::Refused, "full again"));
        other.record(turn(Duration::ZERO), fault(FaultKind::Status(500), "broken"));
        one.merge(&other);
        let all: Vec<_> =
            one.faults.iter().map(|(kind, faults)| (*kind, faults.latency.len(), &*faults.example)).collect();
        assert_eq!(all, [(FaultKind::Refused, 3, "full"), (FaultKind::Status(500), 1, "broken")]);
        assert_eq!((one.right(), one.failed()), (0, 4));
    }

    #[test]
    fn explanations_are_means() {
        let explained = |micros, shared| Explained {
            queue: Some(Duration::from_micros(micros)),
            run: Some(Duration::from_micros(2 * micros)),
            shared: Some(shared),
        };
        let mut explanations = Explanations::default();
        explanations.add(explained(10, 1));
        explanations.add(explained(30, 4));
        explanations.add(Explained::default());
        let mean = explanations.mean().unwrap();
        assert_eq!((mean.count, mean.queue, mean.run), (2, Duration::from_micros(20), Duration::from_micros(40)));
        assert!((mean.shared - 2.5).abs() < 1e-9);
    }
}
