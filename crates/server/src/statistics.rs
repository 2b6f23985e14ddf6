//! What each model did since it was loaded, as Triton counts it (`extension_statistics.md`). Counts only grow: whoever
//! wants those of a period subtracts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadonce_core::Timing;
use serde::Serialize;

use crate::wire::grpc::proto;

/// Counts of every model that answers, by name.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    models: BTreeMap<String, Mutex<Record>>,
}

/// Where the time of one answered request went, and how many rows it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    /// All of it.
    pub(crate) total: Duration,
    /// Reading the request.
    pub(crate) decode: Duration,
    /// Waiting for and running the model.
    pub(crate) timing: Timing,
    /// Writing the answer.
    pub(crate) encode: Duration,
    pub(crate) rows: u64,
}

/// Counts of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// When the last request was answered.
    last: Option<SystemTime>,
    rows: u64,
    /// Runs, which requests may share.
    runs: u64,
    success: Count,
    fail: Count,
    queue: Count,
    input: Count,
    infer: Count,
    output: Count,
    /// By the number of rows of the run.
    batches: BTreeMap<u64, Batches>,
}

/// How often something happened, and how long that took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Count {
    count: u64,
    ns: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Batches {
    #[serde(rename = "compute_input")]
    input: Count,
    #[serde(rename = "compute_infer")]
    infer: Count,
    #[serde(rename = "compute_output")]
    output: Count,
}

/// Different numbers of rows that are counted apart; those that come later are in the sums only.
const MOST_BATCH_SIZES: usize = 64;

/// A model's counts as the wire has them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelStatistics {
    name: String,
    version: String,
    /// Milliseconds since 1970.
    last_inference: u64,
    inference_count: u64,
    execution_count: u64,
    inference_stats: InferenceStatistics,
    batch_stats: Vec<BatchStatistics>,
    memory_usage: Vec<MemoryUsage>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct InferenceStatistics {
    success: Count,
    fail: Count,
    queue: Count,
    compute_input: Count,
    compute_infer: Count,
    compute_output: Count,
    cache_hit: Count,
    cache_miss: Count,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct BatchStatistics {
    batch_size: u64,
    #[serde(flatten)]
    counts: Batches,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct MemoryUsage {
    r#type: &'static str,
    id: i64,
    byte_size: u64,
}

impl Statistics {
    pub(crate) fn new<'a>(models: impl Iterator<Item = &'a str>) -> Self {
        Self { models: models.map(|name| (name.to_owned(), Mutex::default())).collect() }
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, model: &str, answered: &Answered) {
        self.change(model, |record| record.add(answered, SystemTime::now()));
    }

    /// Counts a request that failed after that time.
    pub(crate) fn failed(&self, model: &str, after: Duration) {
        self.change(model, |record| record.fail.add(after));
    }

    /// The counts of a model; none for one that is unknown.
    pub(crate) fn of(&self, model: &str) -> Record {
        let record = self.models.get(model);
        record.map(|record| record.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    fn change(&self, model: &str, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.models.get(model) {
            change(&mut record.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Record {
    fn add(&mut self, answered: &Answered, now: SystemTime) {
        let Answered { total, decode, timing, encode, rows } = *answered;
        self.last = Some(now);
        self.rows += rows;
        self.success.add(total);
        self.queue.add(timing.queue);
        self.input.add(decode);
        self.infer.add(timing.run);
        self.output.add(encode);
        self.runs += u64::from(timing.shared.leads);
        let run_rows = timing.shared.rows as u64;
        if self.batches.len() < MOST_BATCH_SIZES || self.batches.contains_key(&run_rows) {
            let batches = self.batches.entry(run_rows).or_default();
            batches.input.add(decode);
            batches.output.add(encode);
            if timing.shared.leads {
                batches.infer.add(timing.run);
            }
        }
    }

    /// These counts under a model's name.
    pub(crate) fn of_model(self, name: &str, version: &str, weight_bytes: Option<u64>) -> ModelStatistics {
        let last = self.last.and_then(|last| last.duration_since(UNIX_EPOCH).ok());
        let batches = self.batches.into_iter().map(|(batch_size, counts)| BatchStatistics { batch_size, counts });
        ModelStatistics {
            name: name.to_owned(),
            version: version.to_owned(),
            last_inference: last.map_or(0, |last| u64::try_from(last.as_millis()).unwrap_or(u64::MAX)),
            inference_count: self.rows,
            execution_count: self.runs,
            inference_stats: InferenceStatistics {
                success: self.success,
                fail: self.fail,
                queue: self.queue,
                compute_input: self.input,
                compute_infer: self.infer,
                compute_output: self.output,
                cache_hit: Count::default(),
                cache_miss: Count::default(),
            },
            batch_stats: batches.collect(),
            memory_usage: weight_bytes
                .map(|byte_size| MemoryUsage { r#type: "CPU", id: 0, byte_size })
                .into_iter()
                .collect(),
        }
    }
}

impl From<ModelStatistics> for proto::ModelStatistics {
    fn from(of: ModelStatistics) -> Self {
        let InferenceStatistics { success, fail, queue, compute_input, compute_infer, compute_output, .. } =
            of.inference_stats;
        Self {
            name: of.name,
            version: of.version,
            last_inference: of.last_inference,
            inference_count: of.inference_count,
            execution_count: of.execution_count,
            inference_stats: Some(proto::InferStatistics {
                success: success.into(),
                fail: fail.into(),
                queue: queue.into(),
                compute_input: compute_input.into(),
                compute_infer: compute_infer.into(),
                compute_output: compute_output.into(),
                cache_hit: of.inference_stats.cache_hit.into(),
                cache_miss: of.inference_stats.cache_miss.into(),
            }),
            batch_stats: of.batch_stats.into_iter().map(Into::into).collect(),
            memory_usage: of.memory_usage.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Count> for Option<proto::StatisticDuration> {
    fn from(Count { count, ns }: Count) -> Self {
        Some(proto::StatisticDuration { count, ns })
    }
}

impl From<BatchStatistics> for proto::InferBatchStatistics {
    fn from(BatchStatistics { batch_size, counts }: BatchStatistics) -> Self {
        Self {
            batch_size,
            compute_input: counts.input.into(),
            compute_infer: counts.infer.into(),
            compute_output: counts.output.into(),
        }
    }
}

impl From<MemoryUsage> for proto::MemoryUsage {
    fn from(MemoryUsage { r#type, id, byte_size }: MemoryUsage) -> Self {
        Self { r#type: r#type.to_owned(), id, byte_size }
    }
}

impl Count {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.ns = self.ns.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::SharedRun;

    use super::*;

    #[test]
    fn counts_grow_by_what_a_request_took() {
        let statistics = Statistics::new(["m"].into_iter());
        let nanoseconds = Duration::from_nanos;
        let shared = SharedRun { requests: 2, rows: 6, leads: true };
        let timing = Timing { queue: nanoseconds(2), run: nanoseconds(3), shared };
        let answered =
            Answered { total: nanoseconds(10), decode: nanoseconds(1), timing, encode: nanoseconds(4), rows: 5 };
        statistics.answered("m", &answered);
        let timing = Timing { shared: SharedRun { leads: false, ..shared }, ..timing };
        statistics.answered("m", &Answered { rows: 1, timing, ..answered });
        statistics.failed("m", nanoseconds(7));
        statistics.failed("unknown", nanoseconds(7));
        let json = serde_json::to_value(statistics.of("m").of_model("m", "1", Some(8))).unwrap();
        assert_eq!((&json["inference_count"], &json["execution_count"]), (&6.into(), &1.into()));
        let inference = &json["inference_stats"];
        for (name, count, ns) in [
            ("success", 2, 20),
            ("fail", 1, 7),
            ("queue", 2, 4),
            ("compute_input", 2, 2),
            ("compute_infer", 2, 6),
            ("compute_output", 2, 8),
        ] {
            assert_eq!((&inference[name]["count"], &inference[name]["ns"]), (&count.into(), &ns.into()), "{name}");
        }
        assert_eq!(
            (&json["batch_stats"][0]["batch_size"], &json["batch_stats"][0]["compute_infer"]["ns"]),
            (&6.into(), &3.into())
        );
        assert!(json["last_inference"].as_u64().unwrap() > 0);
    }

    #[test]
    fn the_sizes_that_are_counted_apart_are_bounded() {
        let statistics = Statistics::new(["m"].into_iter());
        for rows in 0..1000 {
            let timing = Timing { shared: SharedRun { rows, ..SharedRun::default() }, ..Timing::default() };
            statistics.answered("m", &Answered { timing, ..Answered::default() });
        }
        let record = statistics.of("m");
        assert_eq!((record.batches.len(), record.success.count), (MOST_BATCH_SIZES, 1000));
    }
}
