//! Handlers of the Open Inference Protocol v2.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use loadonce_core::{Dim, InferError, InferResponse, ModelHandle, TensorSpec};
use serde_json::{Value, json};

use super::predict::{Format, predict};
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
    let format = Format {
        name: "v2",
        decode: |body: &[u8], _: &ModelHandle| Ok(((), decode_request(body)?)),
        encode: |(), model: &ModelHandle, response: &InferResponse| {
            encode_response(Answerer { name: model.name(), version: model.version() }, response)
        },
    };
    predict(&api, &target, format, request).await
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
