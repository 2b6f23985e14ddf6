//! The outcome of a check as JSON.

use loadonce_core::status::{ComponentStatus, Snapshot};
use loadonce_core::trial::{Finding, Level, Outcome};
use serde::Serialize;

use super::Tried;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport {
    ok: bool,
    models: Vec<ModelCheck>,
}

#[derive(Debug, Serialize)]
struct ModelCheck {
    name: String,
    version: Option<String>,
    engine: Option<&'static str>,
    samples_right: usize,
    /// Absent where only the samples were asked for.
    trial: Option<Trial>,
}

#[derive(Debug, Serialize)]
struct Trial {
    /// Requests by where they come from.
    requests: Vec<(String, usize)>,
    runs: u64,
    equal_bit_for_bit: bool,
    levels: Vec<LevelReport>,
    /// Bytes a thousand runs.
    memory_growth: Option<GrowthReport>,
    workers_recovered: usize,
    copies: usize,
    memory_bytes: Option<u64>,
    findings: Vec<FindingReport>,
}

#[derive(Debug, Serialize)]
struct LevelReport {
    threads: usize,
    runs: u64,
    seconds: f64,
    median_us: f64,
    p99_us: f64,
    /// The part of the threads' time that they waited.
    waiting: Option<f64>,
}

#[derive(Debug, Serialize)]
struct GrowthReport {
    bytes: f64,
    margin: f64,
}

#[derive(Debug, Serialize)]
struct FindingReport {
    kind: &'static str,
    message: String,
}

impl CheckReport {
    pub(super) fn new(tried: &[Tried], snapshot: &Snapshot) -> Self {
        let models = snapshot.components.iter().map(|model| {
            let trial = tried.iter().find(|tried| tried.name == model.name);
            ModelCheck::new(model, trial.map(|tried| &tried.outcome))
        });
        Self { ok: tried.iter().all(|tried| tried.outcome.findings.is_empty()), models: models.collect() }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl ModelCheck {
    fn new(model: &ComponentStatus, outcome: Option<&Outcome>) -> Self {
        Self {
            name: model.name.clone(),
            version: model.record.version.clone(),
            engine: model.record.engine,
            samples_right: model.record.samples.right,
            trial: outcome.map(Trial::new),
        }
    }
}

impl Trial {
    fn new(outcome: &Outcome) -> Self {
        Self {
            requests: outcome.cases.iter().map(|(origin, count)| (origin.to_string(), *count)).collect(),
            runs: outcome.runs(),
            equal_bit_for_bit: outcome.is_exact,
            levels: outcome.levels.iter().map(LevelReport::new).collect(),
            memory_growth: outcome
                .growth
                .map(|growth| GrowthReport { bytes: growth.per_thousand, margin: growth.margin }),
            workers_recovered: outcome.recovered,
            copies: outcome.memory.copies(),
            memory_bytes: outcome.memory.total_bytes(),
            findings: outcome.findings.iter().map(FindingReport::new).collect(),
        }
    }
}

impl LevelReport {
    fn new(level: &Level) -> Self {
        Self {
            threads: level.threads,
            runs: level.runs,
            seconds: level.time.as_secs_f64(),
            median_us: level.times.median.as_secs_f64() * 1e6,
            p99_us: level.times.p99.as_secs_f64() * 1e6,
            waiting: level.waiting,
        }
    }
}

impl FindingReport {
    fn new(finding: &Finding) -> Self {
        let kind = match finding {
            Finding::Unsteady(_) => "unsteady",
            Finding::Remembers(_) => "remembers",
            Finding::NotSafe { .. } => "not_safe",
            Finding::Fails { .. } => "fails",
            Finding::Leaks(_) => "leaks",
            Finding::Serial { .. } => "serial",
            Finding::NotRecovered { .. } => "not_recovered",
        };
        Self { kind, message: finding.to_string() }
    }
}
