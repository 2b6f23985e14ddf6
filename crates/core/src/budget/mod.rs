//! The compute budget: the processors of this process, which the runs of all models share.
//!
//! A run waits until as many permits are free as it keeps threads busy, and among the models that wait, the one that has
//! had the least time is next. Runs that are known to be short have permits of their own, as many again: they do not wait
//! a long run's time, and the kernel fits them in. Runs on the threads that receive requests are shorter still and take
//! none.

mod fair;
mod priority;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use self::fair::{Account, Claim, Lane, Ledger};

pub(crate) use self::priority::stand_back;

/// Runs that take no longer are short.
const SHORT: Duration = Duration::from_millis(1);

/// The processors that runs of all models share; clones are the same budget.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    cores: usize,
    ledger: Mutex<Ledger<Arc<Ticket>>>,
}

/// One model's part in the budget.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    account: Account,
    permits: usize,
}

/// The right to run; dropping it lets the next one go.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    share: &'a Share,
    claim: Claim,
    since: Instant,
}

/// How a thread that waits learns that its turn has come.
struct Ticket {
    called: AtomicBool,
    thread: Thread,
}

impl Budget {
    /// So many processors, one at least.
    pub fn new(cores: usize) -> Self {
        let cores = cores.max(1);
        Self(Arc::new(Inner { cores, ledger: Mutex::new(Ledger::new(cores)) }))
    }

    /// What this process may use: no more than its affinity mask, its cpuset, and the quota of its control groups
    /// (version 1 or 2) allow, see [`std::thread::available_parallelism`].
    pub fn of_this_process() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    /// Processors.
    pub fn cores(&self) -> usize {
        self.0.cores
    }

    /// An account for a model whose runs keep that many threads busy.
    pub(crate) fn share(&self, run_threads: usize) -> Share {
        let permits = run_threads.clamp(1, self.cores());
        Share { budget: self.clone(), account: self.ledger().open(), permits }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<Arc<Ticket>>> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of_this_process()
    }
}

impl Share {
    /// Waits for the right to a run that takes `estimate`, as far as is known.
    pub(crate) fn enter(&self, estimate: Option<Duration>) -> Permit<'_> {
        let lane = if estimate.is_some_and(|estimate| estimate <= SHORT) { Lane::Short } else { Lane::Long };
        let claim = Claim { account: self.account, lane, permits: self.permits };
        let mut ledger = self.budget.ledger();
        if !ledger.try_take(claim) {
            let ticket = Arc::new(Ticket { called: AtomicBool::new(false), thread: thread::current() });
            ledger.wait(claim, Arc::clone(&ticket));
            drop(ledger);
            ticket.wait();
        }
        Permit { share: self, claim, since: Instant::now() }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.ledger().close(self.account);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        let called = self.share.budget.ledger().give_back(self.claim, took);
        for ticket in called {
            ticket.call();
        }
    }
}

impl Ticket {
    fn wait(&self) {
        while !self.called.load(Ordering::Acquire) {
            thread::park();
        }
    }

    fn call(&self) {
        self.called.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Budget").field("cores", &self.cores()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn no_more_runs_are_under_way_than_there_are_processors() {
        let (budget, running, most) = (Budget::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let shares: Vec<_> = (0..4).map(|_| budget.share(1)).collect();
        thread::scope(|scope| {
            for share in shares.iter().chain(&shares) {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let permit = share.enter(None);
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2);
    }

    #[test]
    fn a_run_of_more_threads_than_processors_has_them_all() {
        let budget = Budget::new(2);
        let (wide, narrow) = (budget.share(64), budget.share(1));
        let permit = wide.enter(None);
        thread::scope(|scope| {
            let waits = scope.spawn(|| drop(narrow.enter(None)));
            drop(narrow.enter(Some(SHORT)));
            assert!(!waits.is_finished());
            drop(permit);
        });
    }
}
