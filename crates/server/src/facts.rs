//! Facts about the server and its models that several protocols tell.

use loadonce_core::registry::Entry;
use loadonce_core::status::{LoadRecord, Snapshot};
use loadonce_core::{DType, Dim, Memory, ModelHandle, TensorSpec};

use crate::api::Api;
use crate::ledger::Reading;
use crate::statistics::ModelStatistics;

/// The server's name.
pub(crate) const NAME: &str = "loadonce";

/// The server's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Triton's names (`core/src/server.cc`) of the extensions that are served; none that is not.
pub(crate) const EXTENSIONS: [&str; 5] =
    ["binary_tensor_data", "classification", "model_configuration", "parameters", "statistics"];

/// A line of the index of models.
#[derive(Clone, Debug)]
pub(crate) struct IndexEntry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) state: &'static str,
    pub(crate) reason: String,
}

/// What runs a model.
pub(crate) fn platform(model: &ModelHandle) -> String {
    format!("loadonce_{}", model.engine())
}

/// The length of each axis; -1 stands for any length (`inference_rest.md`, "Model Metadata Response JSON Object").
pub(crate) fn axes(spec: &TensorSpec) -> Vec<i64> {
    let Some(dims) = &spec.dims else { return vec![-1] };
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
        Dim::Dynamic(_) => -1,
    };
    dims.iter().map(length).collect()
}

/// The dtype's name in `model_config.proto`, `enum DataType`.
pub(crate) fn data_type(dtype: DType) -> String {
    match dtype {
        DType::Bytes => "TYPE_STRING".to_owned(),
        other => format!("TYPE_{}", other.as_str()),
    }
}

/// Versions that are numbers, as a version policy has them.
pub(crate) fn numbered_versions(model: &ModelHandle) -> Vec<i64> {
    model.version().parse().into_iter().collect()
}

/// Runs of a model at the same time.
pub(crate) fn sessions(api: &Api, model: &ModelHandle) -> usize {
    record_of(&api.status().snapshot(), model).map_or(1, |record| record.sessions)
}

/// What a model did.
pub(crate) async fn statistics(api: &Api, model: &ModelHandle) -> ModelStatistics {
    let reading = api.telemetry().reading().await;
    statistics_of(api, (&api.status().snapshot(), &reading), model)
}

/// What each model did.
pub(crate) async fn all_statistics(api: &Api) -> Vec<ModelStatistics> {
    let reading = api.telemetry().reading().await;
    let snapshot = api.status().snapshot();
    api.served().registry.handles().map(|model| statistics_of(api, (&snapshot, &reading), model)).collect()
}

fn statistics_of(api: &Api, (snapshot, reading): (&Snapshot, &Reading), model: &ModelHandle) -> ModelStatistics {
    let memory = snapshot.component(model.name()).and_then(|component| reading.of(component));
    let bytes = memory.and_then(Memory::total_bytes);
    ModelStatistics::new(model.name(), api.served().counts.of(model.name()), bytes)
}

/// What the board knows of a model's load.
fn record_of<'a>(snapshot: &'a Snapshot, model: &ModelHandle) -> Option<&'a LoadRecord> {
    snapshot.component(model.name()).map(|component| &component.record)
}

/// The declared models, or only those that answer.
pub(crate) fn index(api: &Api, only_ready: bool) -> Vec<IndexEntry> {
    let served = api.served();
    let entries = served.registry.iter().filter(|(_, entry)| !only_ready || entry.not_ready().is_none());
    entries.map(|(name, entry)| index_entry(name, entry)).collect()
}

fn index_entry(name: &str, entry: &Entry) -> IndexEntry {
    let reason = entry.not_ready();
    let state = if reason.is_none() { "READY" } else { "UNAVAILABLE" };
    let (name, version) = (name.to_owned(), entry.version().to_owned());
    IndexEntry { name, version, state, reason: reason.unwrap_or_default() }
}
