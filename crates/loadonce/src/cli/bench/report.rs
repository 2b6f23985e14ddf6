//! The document of `--json`; the README says what its fields mean.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Server;
use super::flags::{BenchFlags, Load};
use super::row::Row;
use super::subject::Subject;
use super::table::{QUANTILES, mean, note};
use super::tally::{Explanation, FaultKind, Faults};
use super::usage::Spent;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    loadonce: &'static str,
    server: ServerReport,
    protocol: &'static str,
    warm_up_seconds: f64,
    /// Whether every request was answered rightly, to the end of every row.
    right: bool,
    models: Vec<ModelReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServerReport {
    address: String,
    /// Whether it was started for this, and how long that took.
    startup_ms: Option<f64>,
    pids: Vec<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct ModelReport {
    name: String,
    version: Option<String>,
    samples: Vec<String>,
    rows: Option<(usize, usize)>,
    runs: Vec<RunReport>,
}

#[derive(Debug, Serialize)]
struct RunReport {
    #[serde(flatten)]
    load: LoadReport,
    seconds: f64,
    requests: u64,
    right: u64,
    requests_per_second: f64,
    /// None where nothing was answered rightly.
    latency_us: Option<BTreeMap<&'static str, f64>>,
    late: u64,
    unsent: u64,
    errors: Vec<ErrorReport>,
    explained: Option<ExplainedReport>,
    server: Option<SpentReport>,
    client: Option<SpentReport>,
    client_threads: usize,
    cut_short: bool,
    note: Option<String>,
    /// Latencies in microseconds, and how many requests had them.
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram_us: Option<Vec<(f64, u64)>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum LoadReport {
    Closed { concurrency: usize },
    Open { rate: f64, arrivals: &'static str, connections: usize },
}

#[derive(Debug, Serialize)]
struct ErrorReport {
    kind: String,
    count: u64,
    p50_us: f64,
    example: String,
}

#[derive(Debug, Serialize)]
struct ExplainedReport {
    requests: u32,
    queue_us: f64,
    run_us: f64,
    shared: f64,
}

#[derive(Debug, Serialize)]
struct SpentReport {
    cores: f64,
    cpu_us_per_request: Option<f64>,
    memory_bytes: u64,
    peak_bytes: u64,
}

impl Report {
    pub(super) fn new(flags: &BenchFlags, server: ServerReport, models: Vec<ModelReport>, right: bool) -> Self {
        Self {
            loadonce: env!("CARGO_PKG_VERSION"),
            server,
            protocol: flags.requests.protocol.as_str(),
            warm_up_seconds: flags.load.warm_up.as_secs_f64(),
            right,
            models,
        }
    }
}

impl ServerReport {
    pub(super) fn new(server: &Server) -> Self {
        Self {
            address: server.endpoint.to_string(),
            startup_ms: server.own.as_ref().map(|own| own.startup.as_secs_f64() * 1e3),
            pids: server.processes.pids().to_vec(),
        }
    }
}

impl ModelReport {
    pub(super) fn new(subject: &Subject, rows: &[Row], flags: &BenchFlags) -> Self {
        Self {
            name: subject.name.clone(),
            version: subject.version.clone(),
            samples: subject.asks.iter().map(|ask| ask.name.clone()).collect(),
            rows: subject.rows,
            runs: rows.iter().map(|row| RunReport::new(row, flags.histogram)).collect(),
        }
    }
}

impl RunReport {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    fn new(row: &Row, with_histogram: bool) -> Self {
        let tally = &row.tally;
        let seconds = row.time.as_secs_f64();
        Self {
            load: row.load.into(),
            seconds,
            requests: tally.right() + tally.failed(),
            right: tally.right(),
            requests_per_second: if seconds > 0.0 { tally.right() as f64 / seconds } else { 0.0 },
            latency_us: latency(row),
            late: tally.late,
            unsent: tally.unsent,
            errors: tally.faults.iter().map(|(kind, faults)| ErrorReport::new(*kind, faults)).collect(),
            explained: tally.explanations.mean().map(ExplainedReport::from),
            server: row.server.map(SpentReport::from),
            client: row.client.map(SpentReport::from),
            client_threads: row.threads,
            cut_short: row.is_cut_short,
            note: note(row),
            histogram_us: with_histogram.then(|| {
                let recorded = tally.latency.iter_recorded();
                recorded.map(|value| (micros(value.value_iterated_to()), value.count_at_value())).collect()
            }),
        }
    }
}

fn latency(row: &Row) -> Option<BTreeMap<&'static str, f64>> {
    let latency = &row.tally.latency;
    let mut values = BTreeMap::from([("mean", microseconds(mean(row)?)), ("max", micros(latency.max()))]);
    values.extend(QUANTILES.map(|(name, quantile)| (name, micros(latency.value_at_quantile(quantile)))));
    Some(values)
}

impl ErrorReport {
    fn new(kind: FaultKind, faults: &Faults) -> Self {
        Self {
            kind: kind.name(),
            count: faults.latency.len(),
            p50_us: micros(faults.latency.value_at_quantile(0.5)),
            example: faults.example.clone(),
        }
    }
}

impl From<Load> for LoadReport {
    fn from(load: Load) -> Self {
        match load {
            Load::Closed { callers } => Self::Closed { concurrency: callers },
            Load::Open { rate, spacing, connections } => Self::Open { rate, arrivals: spacing.as_str(), connections },
        }
    }
}

impl From<Explanation> for ExplainedReport {
    fn from(Explanation { count, queue, run, shared }: Explanation) -> Self {
        Self { requests: count, queue_us: microseconds(queue), run_us: microseconds(run), shared }
    }
}

impl From<Spent> for SpentReport {
    fn from(Spent { cores, cpu_per_request, memory, peak }: Spent) -> Self {
        let cpu_us_per_request = cpu_per_request.map(microseconds);
        Self { cores, cpu_us_per_request, memory_bytes: memory, peak_bytes: peak }
    }
}

fn microseconds(time: Duration) -> f64 {
    micros(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "nobody measures that many digits")]
fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}
