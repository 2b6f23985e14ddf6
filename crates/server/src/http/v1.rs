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
use crate::counts::Protocol;
use crate::error::{ApiError, ApiErrorKind};
use crate::predict::Format;
use crate::wire::v1::{self, Field, Task, decode_examples, decode_request, encode_response, encode_results};
use crate::wire::v2::Encoded;

/// `{"models": [...]}` (KServe, "v1 protocol").
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let served = api.served();
    let names: Vec<_> = served.registry.iter().map(|(name, _)| name).collect();
    Json(json!({ "models": names }))
}

/// KServe's `name` and `ready`, and TensorFlow Serving's `model_version_status` (`api_rest.md`, "Model status API").
pub(super) async fn status(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let entry = api.entry(&target.name, target.version())?;
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

/// The signature (`api_rest.md` has no section for it; `http_rest_api_handler.cc` serves the path).
pub(super) async fn metadata(State(api): State<Api>, Path(target): Path<Target>) -> Result<Json<Value>, ApiError> {
    let model = api.model(&target.name, target.version())?;
    Ok(Json(v1::metadata(model.name(), model.version(), model.signature())))
}

/// Labels of versions are set by an operator of TensorFlow Serving; here a model has one version, and no labels.
pub(super) async fn no_labels(
    State(api): State<Api>,
    Path((name, _)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let entry = api.entry(&name, None)?;
    let version = entry.version();
    let text = format!("versions have no labels here; model '{name}' serves version '{version}' at /v1/models/{name}");
    Err(ApiError::new(ApiErrorKind::NoSuchPath, text))
}

pub(super) async fn act(State(api): State<Api>, Path(target): Path<Target>, request: Request) -> Response {
    let (target, verb) = target.split_verb();
    let task = match verb.as_deref() {
        Some("predict") => return predict_rows(&api, Protocol::V1, &target, request).await,
        Some("classify") => Task::Classify,
        Some("regress") => Task::Regress,
        _ => return wrong_verb(&target, verb.as_deref()).into_response(),
    };
    let format = Format {
        decode: move |body: Bytes, model: &ModelHandle| Ok((task, decode_examples(&body, task, model.signature())?)),
        encode: |task: Task, model: &ModelHandle, response: &InferResponse| {
            encode_results(task, model.signature(), response).map(Encoded::json)
        },
    };
    predict(&api, Protocol::V1, &target, format, request).await
}

/// Answers rows or columns; `protocol` is the label in metrics.
pub(super) async fn predict_rows(api: &Api, protocol: Protocol, target: &Target, request: Request) -> Response {
    let format = Format {
        decode: |body: Bytes, model: &ModelHandle| decode_request(&body, model.signature()),
        encode: |field: Field, model: &ModelHandle, response: &InferResponse| {
            encode_response(field.format(), model.signature(), response).map(Encoded::json)
        },
    };
    predict(api, protocol, target, format, request).await
}

fn wrong_verb(target: &Target, verb: Option<&str>) -> ApiError {
    let name = &target.name;
    let wrong = match verb {
        Some(verb) => format!("':{verb}' is not supported"),
        None => "nothing to do is named".to_owned(),
    };
    let text = format!("{wrong}, expected POST /v1/models/{name}:predict, or :classify or :regress where it is one");
    ApiError::new(ApiErrorKind::NoSuchPath, text)
}
