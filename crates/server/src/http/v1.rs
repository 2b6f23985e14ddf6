//! Handlers of the v1 protocol: TensorFlow Serving's REST paths, and the model list as KServe has it.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::body;
use super::target::Target;
use crate::api::Api;
use crate::error::{ApiError, ApiErrorKind};
use crate::wire::v1::{decode_request, encode_response};

/// `{"models": [...]}` (KServe, "v1 protocol").
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let names: Vec<_> = api.registry().iter().map(|(name, _)| name).collect();
    Json(json!({ "models": names }))
}

/// KServe's `name` and `ready`, and TensorFlow Serving's `model_version_status` (`api_rest.md`, "Model status API").
pub(super) async fn status(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let entry = api.registry().entry(&target.name, target.version())?;
    let reason = entry.not_ready();
    let ready = reason.is_none();
    let status = json!({
        "version": entry.version(),
        "state": if ready { "AVAILABLE" } else { "END" },
        "status": {
            "error_code": if ready { "OK" } else { "UNAVAILABLE" },
            "error_message": reason.unwrap_or_default(),
        },
    });
    Ok(Json(json!({ "name": target.name, "ready": ready, "model_version_status": [status] })))
}

pub(super) async fn predict(State(api): State<Api>, Path(target): Path<Target>, request: Request) -> Response {
    let started = Instant::now();
    let (target, verb) = target.split_verb();
    let result = match verb.as_deref() {
        Some("predict") => answer(&api, &target, request).await,
        verb => Err(wrong_verb(&target, verb)),
    };
    api.count(&target.name, "v1", &result, started);
    match result {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(api: &Api, target: &Target, request: Request) -> Result<Vec<u8>, ApiError> {
    let model = api.registry().get(&target.name, target.version())?.clone();
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, api.limits().body_bytes).await?;
    let (decoder, size) = (model.clone(), body.len());
    let (format, request) = body::offload(size, move || Ok(decode_request(&body, decoder.signature())?)).await?;
    let response = model.infer(request).await?;
    let size = response.outputs.iter().map(|output| output.tensor.byte_len()).sum();
    body::offload(size, move || Ok(encode_response(format, &response)?)).await
}

fn wrong_verb(target: &Target, verb: Option<&str>) -> ApiError {
    let name = &target.name;
    let text = match verb {
        Some(verb) => format!("':{verb}' is not supported, expected POST /v1/models/{name}:predict"),
        None => format!("nothing to do is named, expected POST /v1/models/{name}:predict"),
    };
    ApiError::new(ApiErrorKind::NoSuchPath, text)
}
