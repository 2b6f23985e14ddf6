//! The startup report: phases and models with their times, bytes, load counts, engines and sample results, as JSON.

mod memory;

use std::collections::BTreeMap;
use std::time::Duration;

use loadonce_core::status::{BatchingRecord, ComponentStatus, Readiness, SampleTally, Snapshot, Stage};
use loadonce_core::{LoadError, Memory};
use serde::Serialize;

use crate::ledger::Reading;

pub use self::memory::{MemoryReport, ServerMemory, WorkerReport};

/// Body of `GET /v2/startup` and of `--startup-report`.
#[derive(Clone, Debug, Serialize)]
pub struct StartupReport {
    /// Whether the server is ready.
    pub ready: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where the process stands.
    pub phase: &'static str,
    /// Since the process began to bind.
    pub uptime_milliseconds: f64,
    /// Time in each phase so far.
    pub phases: Vec<PhaseTime>,
    /// Every declared model.
    pub models: Vec<ModelReport>,
    /// What the server's process takes in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ServerMemory>,
    /// What ended the startup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// Time spent in one phase or stage.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseTime {
    /// Its name.
    pub name: &'static str,
    /// The time so far.
    pub milliseconds: f64,
}

/// How one model's load went.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// The name.
    pub name: String,
    /// The version.
    pub version: Option<String>,
    /// Where it stands.
    pub state: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The engine.
    pub engine: Option<&'static str>,
    /// Why that engine was chosen.
    pub engine_reason: Option<String>,
    /// Options of the engine in effect, as it stored them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// How often the weights were loaded.
    pub loads: u64,
    /// Sets of the weights in memory.
    pub copies: Option<usize>,
    /// Bytes of one set.
    pub weight_bytes: Option<u64>,
    /// What the model takes in memory, once it is loaded.
    pub memory: Option<MemoryReport>,
    /// Bytes read from disk.
    pub bytes_read: u64,
    /// Bytes expected from disk.
    pub bytes_total: u64,
    /// `shared` or `exclusive`.
    pub contract: Option<&'static str>,
    /// Sessions open.
    pub sessions: usize,
    /// How requests share runs, once that is known.
    pub batching: Option<BatchingReport>,
    /// From the start of loading until ready or failed.
    pub milliseconds: f64,
    /// Time in each stage so far.
    pub stages: Vec<PhaseTime>,
    /// How the samples went.
    pub samples: SampleReport,
}

/// How requests of a model share runs.
#[derive(Clone, Debug, Serialize)]
pub struct BatchingReport {
    /// Rows of one run; 1 where no request shares one.
    pub max_rows: usize,
    /// Why.
    pub reason: String,
}

/// How a model's samples went.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SampleReport {
    /// Samples found.
    pub found: usize,
    /// Samples answered without an error.
    pub answered: usize,
    /// Samples whose known answer was given.
    pub right: usize,
}

/// What ended a startup.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorReport {
    /// The kind of cause.
    pub kind: &'static str,
    /// The model, where one is to blame.
    pub model: Option<String>,
    /// The file, where one is to blame.
    pub file: Option<String>,
    /// The whole line that stood on stderr.
    pub message: String,
    /// The process' exit code.
    pub exit_code: u8,
}

impl StartupReport {
    /// The report of a status, with memory as it was when models were loaded.
    pub fn new(snapshot: &Snapshot, readiness: &Readiness) -> Self {
        Self::of(snapshot, readiness, ComponentStatus::memory)
    }

    /// The same, with memory as it was just read.
    pub(crate) fn measured(snapshot: &Snapshot, readiness: &Readiness, reading: &Reading) -> Self {
        Self { memory: Some(reading.into()), ..Self::of(snapshot, readiness, |model| reading.of(model)) }
    }

    fn of<'a>(
        snapshot: &'a Snapshot,
        readiness: &Readiness,
        memory: impl Fn(&'a ComponentStatus) -> Option<&'a Memory>,
    ) -> Self {
        let reason = match readiness {
            Readiness::Ready { .. } => None,
            Readiness::NotReady(reason) => Some(reason.clone()),
        };
        Self {
            ready: readiness.is_ready(),
            reason,
            phase: snapshot.phase.as_str(),
            uptime_milliseconds: milliseconds(snapshot.uptime),
            phases: snapshot.phases.iter().map(|(phase, time)| PhaseTime::new(phase.as_str(), *time)).collect(),
            models: snapshot.components.iter().map(|model| ModelReport::new(model, memory(model))).collect(),
            memory: None,
            error: None,
        }
    }
}

impl PhaseTime {
    fn new(name: &'static str, time: Duration) -> Self {
        Self { name, milliseconds: milliseconds(time) }
    }
}

impl ModelReport {
    fn new(status: &ComponentStatus, memory: Option<&Memory>) -> Self {
        let record = &status.record;
        let SampleTally { found, answered, right } = record.samples;
        let startup = status.stages.iter().filter(|(stage, _)| *stage < Stage::Ready);
        Self {
            name: status.name.clone(),
            version: record.version.clone(),
            state: status.stage.as_str(),
            reason: status.reason.clone(),
            engine: record.engine,
            engine_reason: record.engine_reason.clone(),
            options: record.options.iter().cloned().collect(),
            loads: record.loads_until(memory),
            copies: memory.map(Memory::copies),
            weight_bytes: memory.and_then(|memory| memory.weight_bytes),
            memory: memory.map(MemoryReport::from),
            bytes_read: status.bytes_read,
            bytes_total: status.bytes_total,
            contract: record.contract.map(loadonce_core::Contract::as_str),
            sessions: record.sessions,
            batching: record
                .batching
                .clone()
                .map(|BatchingRecord { max_rows, reason }| BatchingReport { max_rows, reason }),
            milliseconds: milliseconds(status.startup_time()),
            stages: startup.map(|(stage, time)| PhaseTime::new(stage.as_str(), *time)).collect(),
            samples: SampleReport { found, answered, right },
        }
    }
}

impl ErrorReport {
    /// The report of a load error, which ends the process with that code.
    pub fn new(error: &LoadError, exit_code: u8) -> Self {
        Self {
            kind: error.kind().as_str(),
            model: error.model().map(str::to_owned),
            file: error.path().map(|path| path.display().to_string()),
            message: error.to_string(),
            exit_code,
        }
    }
}

/// Milliseconds with microseconds as decimals.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Bytes for people: decimal megabytes, or kilobytes for what is small.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
pub fn readable_size(bytes: u64) -> String {
    if bytes < 100_000 { format!("{:.1} kB", bytes as f64 / 1e3) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}
