//! What a model did since it was loaded, in Triton's words (`extension_statistics.md`).

use serde::Serialize;

use crate::counts::{Batch, ModelCounts};
use crate::wire::grpc::proto;

/// How often something happened, and how long that took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Count {
    count: u64,
    ns: u64,
}

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
    compute_input: Count,
    compute_infer: Count,
    compute_output: Count,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct MemoryUsage {
    r#type: &'static str,
    id: i64,
    byte_size: u64,
}

impl ModelStatistics {
    /// The counts of that model, and the bytes that it takes in memory.
    pub(crate) fn new(name: &str, counts: &ModelCounts, bytes: Option<u64>) -> Self {
        let (sums, batches) = (counts.sums(), counts.batches());
        let sum = |time: fn(&Batch) -> u64| Count { count: sums.success.0, ns: batches.iter().map(time).sum() };
        Self {
            name: name.to_owned(),
            version: counts.version.clone(),
            last_inference: sums.last,
            inference_count: sums.rows,
            execution_count: sums.runs,
            inference_stats: InferenceStatistics {
                success: sums.success.into(),
                fail: sums.fail.into(),
                queue: sums.queue.into(),
                compute_input: sum(|batch| batch.decode),
                compute_infer: Count { count: sums.success.0, ns: sums.infer },
                compute_output: sum(|batch| batch.encode),
                cache_hit: Count::default(),
                cache_miss: Count::default(),
            },
            batch_stats: batches.iter().filter_map(BatchStatistics::new).collect(),
            memory_usage: bytes.map(|byte_size| MemoryUsage { r#type: "CPU", id: 0, byte_size }).into_iter().collect(),
        }
    }
}

impl BatchStatistics {
    /// None of the batches whose sizes are not counted apart.
    fn new(batch: &Batch) -> Option<Self> {
        let count = |count, ns| Count { count, ns };
        Some(Self {
            batch_size: batch.rows?,
            compute_input: count(batch.requests, batch.decode),
            compute_infer: count(batch.runs, batch.run),
            compute_output: count(batch.requests, batch.encode),
        })
    }
}

impl From<(u64, u64)> for Count {
    fn from((count, ns): (u64, u64)) -> Self {
        Self { count, ns }
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
    fn from(of: BatchStatistics) -> Self {
        Self {
            batch_size: of.batch_size,
            compute_input: of.compute_input.into(),
            compute_infer: of.compute_infer.into(),
            compute_output: of.compute_output.into(),
        }
    }
}

impl From<MemoryUsage> for proto::MemoryUsage {
    fn from(MemoryUsage { r#type, id, byte_size }: MemoryUsage) -> Self {
        Self { r#type: r#type.to_owned(), id, byte_size }
    }
}
