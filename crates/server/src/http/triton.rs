//! Triton's extensions about models: configuration, statistics, and the index of what is served
//! (`extension_model_configuration.md`, `extension_statistics.md`, `extension_model_repository.md`).

use axum::Json;
use axum::extract::{Path, Request, State};
use loadonce_core::registry::Entry;
use loadonce_core::status::{LoadRecord, Snapshot};
use loadonce_core::{DType, ModelHandle, TensorSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use super::target::Target;
use super::v2::shape;
use crate::api::Api;
use crate::error::ApiError;
use crate::statistics::ModelStatistics;
use crate::wire::from_json;

pub(super) async fn config(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let model = api.registry().get(&target.name, target.version())?;
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor_config).collect::<Vec<_>>();
    let sessions = record_of(&api.status().snapshot(), model).map_or(1, |record| record.sessions);
    let version: Vec<i64> = model.version().parse().into_iter().collect();
    Ok(Json(json!({
        "name": model.name(),
        "platform": format!("loadonce_{}", model.engine()),
        "backend": model.engine(),
        "version_policy": { "specific": { "versions": version } },
        // Shapes are whole: no axis is left out for batches.
        "max_batch_size": 0,
        "input": tensors(&model.signature().inputs),
        "output": tensors(&model.signature().outputs),
        "instance_group": [{ "name": model.name(), "kind": "KIND_CPU", "count": sessions }],
        "model_transaction_policy": { "decoupled": false },
        "response_cache": { "enable": false },
    })))
}

fn tensor_config(spec: &TensorSpec) -> Value {
    json!({ "name": spec.name, "data_type": data_type(spec.dtype), "dims": shape(spec) })
}

/// The dtype's name in `model_config.proto`, `enum DataType`.
fn data_type(dtype: DType) -> String {
    match dtype {
        DType::Bytes => "TYPE_STRING".to_owned(),
        other => format!("TYPE_{}", other.as_str()),
    }
}

pub(super) async fn statistics(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let model = api.registry().get(&target.name, target.version())?;
    Ok(Json(json!({ "model_stats": [statistics_of(&api, &api.status().snapshot(), model)] })))
}

pub(super) async fn all_statistics(State(api): State<Api>) -> Json<Value> {
    let snapshot = api.status().snapshot();
    let all: Vec<_> = api.registry().handles().map(|model| statistics_of(&api, &snapshot, model)).collect();
    Json(json!({ "model_stats": all }))
}

fn statistics_of(api: &Api, snapshot: &Snapshot, model: &ModelHandle) -> ModelStatistics {
    let footprint = record_of(snapshot, model).and_then(|record| record.footprint);
    let weight_bytes = footprint.map(|footprint| footprint.weight_bytes);
    api.statistics().of(model.name()).of_model(model.name(), model.version(), weight_bytes)
}

/// What the board knows of a model's load.
fn record_of<'a>(snapshot: &'a Snapshot, model: &ModelHandle) -> Option<&'a LoadRecord> {
    let component = snapshot.components.iter().find(|component| component.name == model.name());
    component.map(|component| &component.record)
}

/// The body of an index request, which may be empty.
#[derive(Default, Deserialize)]
struct IndexRequest {
    /// Only models that answer.
    #[serde(default)]
    ready: bool,
}

pub(super) async fn index(State(api): State<Api>, request: Request) -> Result<Json<Value>, ApiError> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, api.limits().body_bytes).await?;
    let wanted = if body.trim_ascii().is_empty() { IndexRequest::default() } else { from_json::<IndexRequest>(&body)? };
    let entries = api.registry().iter().filter(|(_, entry)| !wanted.ready || entry.not_ready().is_none());
    Ok(Json(entries.map(|(name, entry)| index_entry(name, entry)).collect()))
}

fn index_entry(name: &str, entry: &Entry) -> Value {
    let reason = entry.not_ready();
    let state = if reason.is_none() { "READY" } else { "UNAVAILABLE" };
    json!({ "name": name, "version": entry.version(), "state": state, "reason": reason.unwrap_or_default() })
}
