//! A prediction over HTTP, whatever its format.

use std::convert::Infallible;
use std::iter;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use loadonce_core::{InferRequest, InferResponse, ModelHandle};

use super::body;
use super::target::Target;
use crate::api::Api;
use crate::counts::Protocol;
use crate::deadline::deadline;
use crate::error::ApiError;
use crate::explain;
use crate::predict::{Asked, Format, Received};
use crate::wire::WireError;
use crate::wire::rows::Place;
use crate::wire::v2::Encoded;

/// Answers a prediction; `protocol` is the label in metrics.
pub(super) async fn predict<T, D, E>(
    api: &Api,
    protocol: Protocol,
    target: &Target,
    format: Format<D, E>,
    request: Request,
) -> Response
where
    T: Place + Send + 'static,
    D: FnOnce(Bytes, &ModelHandle) -> Result<(T, InferRequest), WireError> + Send + 'static,
    E: FnOnce(T, &ModelHandle, &InferResponse) -> Result<Encoded, WireError> + Send + 'static,
{
    let asked = Asked { protocol, model: &target.name, version: target.version(), started: Instant::now() };
    let (head, body) = request.into_parts();
    let body = async {
        let deadline = deadline(&head.headers, asked.started)?;
        let body = body::read(&head.headers, body, api.limits().body_bytes).await?;
        Ok(Received { size: work_in(&head.headers, &body), body, deadline })
    };
    let (result, prediction) = crate::predict::predict(api, asked, body, format).await;
    let mut response = result.map_or_else(ApiError::into_response, respond);
    if let Some(prediction) = prediction {
        explain::attach(prediction, explain::is_asked(&head.headers), &mut response);
    }
    response
}

/// How much work it is to decode a body, in bytes of JSON. Tensors in binary form are looked at, not read.
fn work_in(headers: &HeaderMap, body: &Bytes) -> usize {
    let json = body::json_length(headers).and_then(|length| usize::try_from(length).ok());
    json.map_or(body.len(), |json| json.saturating_add(body.len() / BINARY_TO_JSON))
}

/// A body with tensors in binary form says where its JSON ends.
fn respond(Encoded { body, json_length, behind }: Encoded) -> Response {
    let mut response = if behind.is_empty() { Response::new(Body::from(body)) } else { in_pieces(body, behind) };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, if json_length.is_some() { BINARY } else { JSON });
    if let Some(length) = json_length {
        headers.insert(body::JSON_LENGTH, HeaderValue::from(length));
    }
    response
}

/// A body that is not put together. What it comes to has to be said, since no one sees it from a stream.
fn in_pieces(body: Vec<u8>, behind: Vec<Bytes>) -> Response {
    let length = body.len() + behind.iter().map(Bytes::len).sum::<usize>();
    let pieces = iter::once(body.into()).chain(behind);
    let mut response = Response::new(Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>))));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Bytes in binary form that are decoded in the time of one in JSON, at least: strings, one by one.
const BINARY_TO_JSON: usize = 8;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
