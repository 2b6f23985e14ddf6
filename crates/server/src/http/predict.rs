//! A prediction over HTTP, whatever its format: find the model, read and decode the body, infer, encode, count.

use std::time::Instant;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use loadonce_core::{InferRequest, InferResponse, ModelHandle};

use super::body;
use super::target::Target;
use crate::api::Api;
use crate::error::ApiError;
use crate::wire::WireError;

/// The two ends of a format. What `decode` learns of the request's form, `encode` gets back.
pub(super) struct Format<D, E> {
    /// The label in metrics.
    pub(super) name: &'static str,
    /// From a body to a request for this model.
    pub(super) decode: D,
    /// From this model's response to a body.
    pub(super) encode: E,
}

/// Answers a prediction and counts it.
pub(super) async fn predict<T, D, E>(api: &Api, target: &Target, format: Format<D, E>, request: Request) -> Response
where
    T: Send + 'static,
    D: FnOnce(&[u8], &ModelHandle) -> Result<(T, InferRequest), WireError> + Send + 'static,
    E: FnOnce(T, &ModelHandle, &InferResponse) -> Result<Vec<u8>, WireError> + Send + 'static,
{
    let started = Instant::now();
    let name = format.name;
    let result = answer(api, target, format, request).await;
    api.count(&target.name, name, &result, started);
    match result {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer<T, D, E>(
    api: &Api,
    target: &Target,
    format: Format<D, E>,
    request: Request,
) -> Result<Vec<u8>, ApiError>
where
    T: Send + 'static,
    D: FnOnce(&[u8], &ModelHandle) -> Result<(T, InferRequest), WireError> + Send + 'static,
    E: FnOnce(T, &ModelHandle, &InferResponse) -> Result<Vec<u8>, WireError> + Send + 'static,
{
    let model = api.registry().get(&target.name, target.version())?.clone();
    let Format { decode, encode, .. } = format;
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, api.limits().body_bytes).await?;
    let (size, decoder) = (body.len(), model.clone());
    let (form, request) = body::offload(size, move || Ok(decode(&body, &decoder)?)).await?;
    let response = model.infer(request).await?;
    let size = response.outputs.iter().map(|output| output.tensor.byte_len()).sum();
    body::offload(size, move || Ok(encode(form, &model, &response)?)).await
}
