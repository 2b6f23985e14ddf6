//! The processes of a model: its template, the workers that there are, how many were lost, and what they take.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use loadonce_core::ledger::{ProcessMemory, WorkerMemory, peak_bytes};

/// What a load has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Bytes that a process with the model takes more than one without, of shared pages its part.
    pub(super) weight_bytes: Option<u64>,
    /// The largest working set of that process until then.
    pub(super) load_peak: Option<u64>,
}

/// Who is there. The template and all workers of a model note themselves here, also those of a template that was started
/// again.
#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    template: Option<u32>,
    /// By their numbers.
    workers: BTreeMap<u64, Entry>,
    loads: u64,
    deaths: u64,
}

#[derive(Debug)]
struct Entry {
    slot: usize,
    pid: u32,
    runs: Arc<AtomicU64>,
    born: Instant,
}

/// A worker that is there. Dropped when it is of no more use; that is no death.
#[derive(Debug)]
pub(super) struct Presence {
    roster: Arc<Roster>,
    number: u64,
    runs: Arc<AtomicU64>,
}

impl Cost {
    /// Of a process that has just loaded the model, and one that has not.
    pub(super) fn of(pid: u32, without: Option<ProcessMemory>) -> Self {
        let more = |(with, without): (ProcessMemory, ProcessMemory)| {
            let all = with.proportional_bytes.saturating_sub(without.proportional_bytes);
            // Pages of files that both could map, or others map too, may make `all` less than that.
            all.max(with.anonymous_bytes.saturating_sub(without.anonymous_bytes))
        };
        Self { weight_bytes: ProcessMemory::of(pid).zip(without).map(more), load_peak: peak_bytes(pid) }
    }
}

impl Roster {
    /// Notes the template, in the place of one before.
    pub(super) fn found(&self, template: u32) {
        self.state().template = Some(template);
    }

    /// Notes a worker.
    pub(super) fn enter(self: &Arc<Self>, number: u64, pid: u32, born: Instant) -> Presence {
        let runs = Arc::default();
        let mut state = self.state();
        let is_taken = |slot: &usize| state.workers.values().any(|entry| entry.slot == *slot);
        let slot = (0..=state.workers.len()).find(|slot| !is_taken(slot)).unwrap_or_default();
        state.workers.insert(number, Entry { slot, pid, runs: Arc::clone(&runs), born });
        drop(state);
        Presence { roster: Arc::clone(self), number, runs }
    }

    /// Counts the death of a worker that is there.
    pub(super) fn lose(&self, number: u64) {
        let mut state = self.state();
        if state.workers.remove(&number).is_some() {
            state.deaths += 1;
        }
    }

    /// Counts a load, by the template or by a worker for itself.
    pub(super) fn loaded(&self) {
        self.state().loads += 1;
    }

    /// Loads until now.
    pub(super) fn loads(&self) -> u64 {
        self.state().loads
    }

    /// Workers that were lost.
    pub(super) fn deaths(&self) -> u64 {
        self.state().deaths
    }

    /// The workers by their slots, and what each takes.
    pub(super) fn workers(&self) -> Vec<WorkerMemory> {
        let worker = |(number, entry): (&u64, &Entry)| WorkerMemory {
            slot: entry.slot,
            number: *number,
            pid: entry.pid,
            memory: None,
            runs: entry.runs.load(Ordering::Relaxed),
            age: entry.born.elapsed(),
        };
        let mut workers: Vec<_> = self.state().workers.iter().map(worker).collect();
        workers.sort_unstable_by_key(|worker| worker.slot);
        // The kernel takes its time, in which others may come and go.
        for worker in &mut workers {
            worker.memory = ProcessMemory::of(worker.pid);
        }
        workers
    }

    /// Bytes of the template and these workers that are not one worker's own.
    pub(super) fn shared_bytes(&self, workers: &[WorkerMemory]) -> Option<u64> {
        let template = self.state().template?;
        let of_template = ProcessMemory::of(template)?.proportional_bytes;
        let shared = |memory: ProcessMemory| memory.proportional_bytes.saturating_sub(memory.private_bytes);
        let of_workers: Option<u64> = workers.iter().map(|worker| worker.memory.map(shared)).sum();
        Some(of_template + of_workers?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence {
    /// Counts a run.
    pub(super) fn ran(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the worker as lost, once.
    pub(super) fn lose(&self) {
        self.roster.lose(self.number);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.roster.state().workers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_and_a_death_counts_once() {
        let (roster, now) = (Arc::new(Roster::default()), Instant::now());
        let enter = |number| roster.enter(number, u32::MAX, now);
        let slots = || roster.workers().iter().map(|worker| (worker.slot, worker.number)).collect::<Vec<_>>();
        let (first, second, third) = (enter(1), enter(2), enter(3));
        drop(second);
        assert_eq!((slots(), roster.deaths()), (vec![(0, 1), (2, 3)], 0));
        // The template tells of its end, and so does who waited for its answer.
        roster.lose(1);
        first.lose();
        drop(first);
        assert_eq!((slots(), roster.deaths()), (vec![(2, 3)], 1));
        let (fourth, fifth) = (enter(4), enter(5));
        fourth.ran();
        assert_eq!(slots(), [(0, 4), (1, 5), (2, 3)]);
        assert_eq!(roster.workers()[0].runs, 1);
        drop((third, fourth, fifth));
        assert_eq!((slots(), roster.deaths()), (vec![], 1));
    }
}
