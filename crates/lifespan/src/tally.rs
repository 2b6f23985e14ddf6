//! How many requests came, how many are under way, how many were answered.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of requests since the process began; the shell's own answers are requests too.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    started: AtomicU64,
    answered: AtomicU64,
    abandoned: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) answered: u64,
    pub(crate) abandoned: u64,
    pub(crate) in_flight: u64,
}

impl Tally {
    pub(crate) fn started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has ended: with an answer, or because its connection went away before there was one.
    pub(crate) fn ended(&self, answered: bool) {
        let count = if answered { &self.answered } else { &self.abandoned };
        count.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn counts(&self) -> Counts {
        // Ends are read before starts, so that a request counts as in flight at worst, never as less than none.
        let answered = self.answered.load(Ordering::Acquire);
        let abandoned = self.abandoned.load(Ordering::Acquire);
        let in_flight = self.started.load(Ordering::Acquire).saturating_sub(answered + abandoned);
        Counts { answered, abandoned, in_flight }
    }
}
