//! Triton's extensions about models: configuration, statistics, and the index of what is served
//! (`extension_model_configuration.md`, `extension_statistics.md`, `extension_model_repository.md`).

use axum::Json;
use axum::extract::{Path, Request, State};
use loadonce_core::TensorSpec;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use super::target::Target;
use crate::api::Api;
use crate::error::ApiError;
use crate::facts::{self, IndexEntry};
use crate::wire::from_json;

pub(super) async fn config(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let model = api.model(&target.name, target.version())?;
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor_config).collect::<Vec<_>>();
    Ok(Json(json!({
        "name": model.name(),
        "platform": facts::platform(&model),
        "backend": model.engine(),
        "version_policy": { "specific": { "versions": facts::numbered_versions(&model) } },
        // Shapes are whole: no axis is left out for batches.
        "max_batch_size": 0,
        "input": tensors(&model.signature().inputs),
        "output": tensors(&model.signature().outputs),
        "instance_group": [{ "name": model.name(), "kind": "KIND_CPU", "count": facts::sessions(&api, &model) }],
        "model_transaction_policy": { "decoupled": false },
        "response_cache": { "enable": false },
    })))
}

fn tensor_config(spec: &TensorSpec) -> Value {
    json!({ "name": spec.name, "data_type": facts::data_type(spec.dtype), "dims": facts::axes(spec) })
}

pub(super) async fn statistics(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let model = api.model(&target.name, target.version())?;
    Ok(Json(json!({ "model_stats": [facts::statistics(&api, &model).await] })))
}

pub(super) async fn all_statistics(State(api): State<Api>) -> Json<Value> {
    Json(json!({ "model_stats": facts::all_statistics(&api).await }))
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
    Ok(Json(facts::index(&api, wanted.ready).into_iter().map(index_entry).collect()))
}

fn index_entry(IndexEntry { name, version, state, reason }: IndexEntry) -> Value {
    json!({ "name": name, "version": version, "state": state, "reason": reason })
}
