//! Handlers of the Open Inference Protocol v2.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use loadonce_core::{Dim, InferError, TensorSpec};
use serde_json::{Value, json};

use super::body;
use super::target::Target;
use crate::api::Api;
use crate::error::ApiError;
use crate::wire::v2::{Answerer, decode_request, encode_response};

pub(super) async fn server_metadata() -> Json<Value> {
    Json(json!({ "name": "loadonce", "version": env!("CARGO_PKG_VERSION"), "extensions": [] }))
}

pub(super) async fn model_metadata(
    State(api): State<Api>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, ApiError> {
    let model = api.registry().get(&target.name, target.version())?;
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor_metadata).collect::<Vec<_>>();
    Ok(Json(json!({
        "name": model.name(),
        "versions": [model.version()],
        "platform": format!("loadonce_{}", model.engine()),
        "inputs": tensors(&model.signature().inputs),
        "outputs": tensors(&model.signature().outputs),
    })))
}

pub(super) async fn model_ready(State(api): State<Api>, Path(target): Path<Target>) -> Result<Response, ApiError> {
    let entry = api.registry().entry(&target.name, target.version())?;
    Ok(match entry.not_ready() {
        None => Json(json!({ "name": target.name, "ready": true })).into_response(),
        Some(reason) => {
            let error = InferError::NotReady { model: target.name.clone(), reason }.to_string();
            let body = json!({ "name": target.name, "ready": false, "error": error });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    })
}

pub(super) async fn infer(State(api): State<Api>, Path(target): Path<Target>, request: Request) -> Response {
    let started = Instant::now();
    let result = answer(&api, &target, request).await;
    api.count(&target.name, "v2", &result, started);
    match result {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(api: &Api, target: &Target, request: Request) -> Result<Vec<u8>, ApiError> {
    let model = api.registry().get(&target.name, target.version())?.clone();
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, api.limits().body_bytes).await?;
    let request = body::offload(body.len(), move || Ok(decode_request(&body)?)).await?;
    let response = model.infer(request).await?;
    let size = response.outputs.iter().map(|output| output.tensor.byte_len()).sum();
    body::offload(size, move || {
        let answerer = Answerer { name: model.name(), version: model.version() };
        Ok(encode_response(answerer, &response)?)
    })
    .await
}

fn tensor_metadata(spec: &TensorSpec) -> Value {
    let mut metadata = json!({ "name": spec.name, "datatype": spec.dtype.as_str(), "shape": shape(spec) });
    if !spec.columns.is_empty() {
        metadata["columns"] = json!(spec.columns);
    }
    if !spec.labels.is_empty() {
        metadata["labels"] = json!(spec.labels);
    }
    metadata
}

/// -1 stands for an axis of any length (`inference_rest.md`, "Model Metadata Response JSON Object").
fn shape(spec: &TensorSpec) -> Vec<i64> {
    let Some(dims) = &spec.dims else { return vec![-1] };
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
        Dim::Dynamic(_) => -1,
    };
    dims.iter().map(length).collect()
}
