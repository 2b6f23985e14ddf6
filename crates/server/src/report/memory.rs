//! What a model takes in memory, in the startup report.

use loadonce_core::Memory;
use loadonce_core::ledger::WorkerMemory;
use serde::Serialize;

use crate::ledger::Reading;

/// Memory of the server's process, and what its control group allows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerMemory {
    /// Bytes of the process, of those that it shares its part; models in processes of their own come on top.
    pub proportional_bytes: Option<u64>,
    /// The largest working set that the process has had.
    pub peak_bytes: Option<u64>,
    /// Bytes past which the kernel ends processes of the control group.
    pub limit_bytes: Option<u64>,
    /// Bytes past which it slows them down.
    pub high_bytes: Option<u64>,
    /// Bytes that the control group with the limit takes, with all that is cached of files.
    pub group_bytes: Option<u64>,
    /// The most that it ever took.
    pub group_peak_bytes: Option<u64>,
}

/// Memory of one model, read from the kernel but for the weights of a model in the server's process.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryReport {
    /// `in_process`, `copy_on_write` or `each_worker`.
    pub sharing: &'static str,
    /// Why each worker has a copy of its own, where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes in all.
    pub total_bytes: Option<u64>,
    /// Bytes that the model's processes have together.
    pub shared_bytes: Option<u64>,
    /// The largest working set of the process that loaded the model, until it was loaded.
    pub load_peak_bytes: Option<u64>,
    /// Workers that were lost.
    pub worker_deaths: u64,
    /// Processes that run the model.
    pub workers: Vec<WorkerReport>,
}

/// A process that runs a model.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerReport {
    /// Its place, which a successor may take; the label `worker` of metrics.
    pub slot: usize,
    /// Its number among all that the model has had; the field `worker` of the log.
    pub number: u64,
    /// The process.
    pub pid: u32,
    /// Bytes that it shares with nobody.
    pub private_bytes: Option<u64>,
    /// Bytes, of those that it shares its part.
    pub proportional_bytes: Option<u64>,
    /// Runs so far.
    pub runs: u64,
    /// Since it was started.
    pub age_seconds: f64,
}

impl From<&Reading> for ServerMemory {
    fn from(Reading { server, peak, group, .. }: &Reading) -> Self {
        Self {
            proportional_bytes: server.map(|memory| memory.proportional_bytes),
            peak_bytes: *peak,
            limit_bytes: group.and_then(|group| group.max),
            high_bytes: group.and_then(|group| group.high),
            group_bytes: group.and_then(|group| group.current),
            group_peak_bytes: group.and_then(|group| group.peak),
        }
    }
}

impl From<&Memory> for MemoryReport {
    fn from(memory: &Memory) -> Self {
        Self {
            sharing: memory.sharing.as_str(),
            reason: memory.sharing.reason().map(str::to_owned),
            total_bytes: memory.total_bytes(),
            shared_bytes: memory.shared_bytes,
            load_peak_bytes: memory.load_peak,
            worker_deaths: memory.deaths,
            workers: memory.workers.iter().map(WorkerReport::from).collect(),
        }
    }
}

impl From<&WorkerMemory> for WorkerReport {
    fn from(worker: &WorkerMemory) -> Self {
        Self {
            slot: worker.slot,
            number: worker.number,
            pid: worker.pid,
            private_bytes: worker.memory.map(|memory| memory.private_bytes),
            proportional_bytes: worker.memory.map(|memory| memory.proportional_bytes),
            runs: worker.runs,
            age_seconds: (worker.age.as_secs_f64() * 1e3).round() / 1e3,
        }
    }
}
