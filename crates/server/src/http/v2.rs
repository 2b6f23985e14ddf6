//! Handlers of the Open Inference Protocol v2.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use loadonce_core::{InferError, InferResponse, ModelHandle, TensorSpec};
use serde_json::{Value, json};

use super::body::JSON_LENGTH;
use super::predict::predict;
use super::target::Target;
use crate::api::Api;
use crate::counts::Protocol;
use crate::error::ApiError;
use crate::facts;
use crate::predict::Format;
use crate::wire::WireError;
use crate::wire::v2::{Answerer, Framing, decode_request, encode_response};

pub(super) async fn server_metadata() -> Json<Value> {
    Json(json!({ "name": facts::NAME, "version": facts::VERSION, "extensions": facts::EXTENSIONS }))
}

pub(super) async fn model_metadata(
    State(api): State<Api>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, ApiError> {
    let model = api.model(&target.name, target.version())?;
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor_metadata).collect::<Vec<_>>();
    Ok(Json(json!({
        "name": model.name(),
        "versions": [model.version()],
        "platform": facts::platform(&model),
        "inputs": tensors(&model.signature().inputs),
        "outputs": tensors(&model.signature().outputs),
    })))
}

pub(super) async fn model_ready(State(api): State<Api>, Path(target): Path<Target>) -> Result<Response, ApiError> {
    let entry = api.entry(&target.name, target.version())?;
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
    infer_tensors(&api, &target, request).await
}

/// Answers tensors.
pub(super) async fn infer_tensors(api: &Api, target: &Target, request: Request) -> Response {
    let framing = framing(request.headers());
    let format = Format {
        decode: move |body: Bytes, model: &ModelHandle| decode_request(&body, framing?, model.signature()),
        encode: |wanted, model: &ModelHandle, response: &InferResponse| {
            let (name, version, signature) = (model.name(), model.version(), model.signature());
            encode_response(Answerer { name, version, signature }, response, &wanted)
        },
    };
    predict(api, Protocol::V2, target, format, request).await
}

/// The header tells where the JSON ends and tensors begin; 0 is a body without JSON.
fn framing(headers: &HeaderMap) -> Result<Framing, WireError> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(Framing::Json) };
    let length = value.to_str().ok().and_then(|text| text.trim().parse::<usize>().ok());
    match length {
        Some(0) => Ok(Framing::Raw),
        Some(length) => Ok(Framing::Mixed(length)),
        None => Err(WireError::form("Inference-Header-Content-Length", format!("expected a number, got {value:?}"))),
    }
}

fn tensor_metadata(spec: &TensorSpec) -> Value {
    let mut metadata = json!({ "name": spec.name, "datatype": spec.dtype.as_str(), "shape": facts::axes(spec) });
    if !spec.columns.is_empty() {
        metadata["columns"] = json!(spec.columns);
    }
    if !spec.labels.is_empty() {
        metadata["labels"] = json!(spec.labels);
    }
    if spec.content.is_json() {
        metadata["json"] = json!(true);
    }
    metadata
}
