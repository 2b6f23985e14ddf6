//! The ledger: how many copies of a model there are, how they are shared, and what they take, read from the kernel at the
//! moment that somebody asks.
//!
//! Nothing here is estimated. What the kernel does not tell (outside Linux, in some sandboxes, of a process that has just
//! ended) is `None`.

mod cgroup;
mod process;

use std::time::Duration;

pub use self::cgroup::ControlGroup;
pub use self::process::{ProcessMemory, available_bytes, peak_bytes, reset_peak};

/// What a loaded model takes in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// How those who run the model share its weights.
    pub sharing: Sharing,
    /// Bytes of one set of weights in the form that runs. The kernel cannot split one process among models, so engines in
    /// the server's process count these while loading; of a process of the model's own, it is what loading added to it.
    pub weight_bytes: Option<u64>,
    /// Bytes that all processes of the model have together: those that are not one worker's own. `None` for a model in
    /// the server's process.
    pub shared_bytes: Option<u64>,
    /// The largest working set of the process that loaded the model, until it was loaded. `None` for a model in the
    /// server's process, which loads several at a time.
    pub load_peak: Option<u64>,
    /// Processes that run the model, by their slots; none for a model in the server's process.
    pub workers: Vec<WorkerMemory>,
    /// How often the weights were loaded: once, and again by each worker that has a copy of its own, and where the process
    /// that workers are forked from has ended.
    pub loads: u64,
    /// Workers that were lost since the model was loaded: killed, crashed, or of no more use.
    pub deaths: u64,
}

/// How those who run a model share its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All sessions use the one copy in the server's process.
    InProcess,
    /// Workers were forked from a process that has loaded the model: they share its pages until they write to them.
    CopyOnWrite,
    /// Each worker has loaded a copy of its own.
    EachWorker {
        /// Why.
        reason: String,
    },
}

/// A process that runs a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerMemory {
    /// The lowest number that was free when it came. There are never many, however often workers are replaced.
    pub slot: usize,
    /// Its number among all workers that the model has had, as the log has it.
    pub number: u64,
    /// The process.
    pub pid: u32,
    /// What it takes.
    pub memory: Option<ProcessMemory>,
    /// Runs so far.
    pub runs: u64,
    /// Since it was started.
    pub age: Duration,
}

impl Memory {
    /// A model in the server's process, whose engine has counted these bytes of weights.
    pub fn in_process(weight_bytes: u64) -> Self {
        Self {
            sharing: Sharing::InProcess,
            weight_bytes: Some(weight_bytes),
            shared_bytes: None,
            load_peak: None,
            workers: Vec::new(),
            loads: 1,
            deaths: 0,
        }
    }

    /// Sets of the weights in physical memory.
    pub fn copies(&self) -> usize {
        match self.sharing {
            Sharing::InProcess | Sharing::CopyOnWrite => 1,
            Sharing::EachWorker { .. } => self.workers.len(),
        }
    }

    /// Bytes that the model takes in all: its weights, or all of its processes.
    pub fn total_bytes(&self) -> Option<u64> {
        if self.sharing == Sharing::InProcess {
            return self.weight_bytes;
        }
        Some(self.shared_bytes? + self.private_bytes())
    }

    /// Bytes that workers share with nobody, of all workers of which that is known.
    fn private_bytes(&self) -> u64 {
        self.workers.iter().filter_map(|worker| worker.memory).map(|memory| memory.private_bytes).sum()
    }
}

impl Sharing {
    /// The name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InProcess => "in_process",
            Self::CopyOnWrite => "copy_on_write",
            Self::EachWorker { .. } => "each_worker",
        }
    }

    /// Why there is more than one copy, where there is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::EachWorker { reason } => Some(reason),
            Self::InProcess | Self::CopyOnWrite => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(private: &[Option<u64>]) -> Vec<WorkerMemory> {
        let memory =
            |bytes: u64| ProcessMemory { proportional_bytes: 2 * bytes, private_bytes: bytes, anonymous_bytes: bytes };
        let worker = |(slot, bytes): (usize, &Option<u64>)| WorkerMemory {
            slot,
            number: 1,
            pid: 1,
            memory: bytes.map(memory),
            runs: 0,
            age: Duration::ZERO,
        };
        private.iter().enumerate().map(worker).collect()
    }

    #[test]
    fn copies_and_sums_follow_from_how_they_are_shared() {
        let counted = Memory::in_process(7);
        assert_eq!((counted.copies(), counted.total_bytes()), (1, Some(7)));
        let forked = Memory {
            sharing: Sharing::CopyOnWrite,
            shared_bytes: Some(100),
            workers: workers(&[Some(10), None, Some(1)]),
            ..counted
        };
        assert_eq!((forked.copies(), forked.total_bytes()), (1, Some(111)));
        let reason = "asked for".to_owned();
        let own = Memory { sharing: Sharing::EachWorker { reason }, shared_bytes: None, ..forked };
        assert_eq!((own.copies(), own.total_bytes()), (3, None));
    }
}
