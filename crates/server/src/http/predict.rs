//! A prediction over HTTP, whatever its format: find the model, read and decode the body, infer, encode, count.

use std::time::Instant;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderName};
use loadonce_core::{InferRequest, InferResponse, ModelHandle};

use super::body;
use super::target::Target;
use crate::api::Api;
use crate::error::ApiError;
use crate::statistics::Answered;
use crate::wire::WireError;
use crate::wire::v2::{Encoded, HEADER_LENGTH};

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
    D: FnOnce(&Bytes, &ModelHandle) -> Result<(T, InferRequest), WireError> + Send + 'static,
    E: FnOnce(T, &ModelHandle, &InferResponse) -> Result<Encoded, WireError> + Send + 'static,
{
    let started = Instant::now();
    let name = format.name;
    let result = answer(api, target, format, request, started).await;
    api.count(&target.name, name, &result, started);
    if result.is_err() {
        api.statistics().failed(&target.name, started.elapsed());
    }
    match result {
        Ok(encoded) => respond(encoded),
        Err(error) => error.into_response(),
    }
}

/// A body with tensors in binary form says where its JSON ends.
fn respond(Encoded { body, json_length }: Encoded) -> Response {
    match json_length {
        None => ([(CONTENT_TYPE, JSON)], body).into_response(),
        Some(length) => {
            let headers = [(CONTENT_TYPE, BINARY), (HEADER_LENGTH_NAME, HeaderValue::from(length))];
            (headers, body).into_response()
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
const HEADER_LENGTH_NAME: HeaderName = HeaderName::from_static(HEADER_LENGTH);

async fn answer<T, D, E>(
    api: &Api,
    target: &Target,
    format: Format<D, E>,
    request: Request,
    started: Instant,
) -> Result<Encoded, ApiError>
where
    T: Send + 'static,
    D: FnOnce(&Bytes, &ModelHandle) -> Result<(T, InferRequest), WireError> + Send + 'static,
    E: FnOnce(T, &ModelHandle, &InferResponse) -> Result<Encoded, WireError> + Send + 'static,
{
    let model = api.registry().get(&target.name, target.version())?.clone();
    let Format { decode, encode, .. } = format;
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, api.limits().body_bytes).await?;
    let (size, decoder, decoding) = (body.len(), model.clone(), Instant::now());
    let (form, request) = body::offload(size, move || Ok(decode(&body, &decoder)?)).await?;
    let (rows, decode) = (row_count(&request), decoding.elapsed());
    let response = model.infer(request).await?;
    let size = response.outputs.iter().map(|output| output.tensor.byte_len()).sum();
    let (timing, encoding) = (response.timing, Instant::now());
    let encoded = body::offload(size, move || Ok(encode(form, &model, &response)?)).await?;
    let answered = Answered { total: started.elapsed(), decode, timing, encode: encoding.elapsed(), rows };
    api.statistics().answered(&target.name, &answered);
    Ok(encoded)
}

/// Rows of a request: the length of its first input's first axis, one for a scalar.
fn row_count(request: &InferRequest) -> u64 {
    let first = request.inputs.first().and_then(|input| input.tensor.shape().first());
    first.map_or(1, |rows| *rows as u64)
}
