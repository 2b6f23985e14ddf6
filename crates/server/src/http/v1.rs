//! Handlers of the v1 protocol: TensorFlow Serving's REST paths, and the model list as KServe has it.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use loadonce_core::{InferResponse, ModelHandle};
use serde_json::{Value, json};

use super::predict::predict;
use super::target::Target;
use crate::api::Api;
use crate::error::{ApiError, ApiErrorKind};
use crate::predict::Format;
use crate::wire::v1::{decode_request, encode_response};
use crate::wire::v2::Encoded;

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

pub(super) async fn act(State(api): State<Api>, Path(target): Path<Target>, request: Request) -> Response {
    let (target, verb) = target.split_verb();
    if verb.as_deref() != Some("predict") {
        return wrong_verb(&target, verb.as_deref()).into_response();
    }
    let format = Format {
        decode: |body: Bytes, model: &ModelHandle| decode_request(&body, model.signature()),
        encode: |form, _: &ModelHandle, response: &InferResponse| {
            let body = encode_response(form, response)?;
            Ok(Encoded { body, json_length: None })
        },
    };
    predict(&api, "v1", &target, format, request).await
}

fn wrong_verb(target: &Target, verb: Option<&str>) -> ApiError {
    let name = &target.name;
    let text = match verb {
        Some(verb) => format!("':{verb}' is not supported, expected POST /v1/models/{name}:predict"),
        None => format!("nothing to do is named, expected POST /v1/models/{name}:predict"),
    };
    ApiError::new(ApiErrorKind::NoSuchPath, text)
}
