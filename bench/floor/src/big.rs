//! The mean of an image. Protocol v2, the tensor as JSON or as bytes behind the JSON.
//!
//! A run takes microseconds, so it happens where the request arrived.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use ort::inputs;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sessions::Sessions;

const SHAPE: [usize; 4] = [1, 3, 224, 224];
const ELEMENTS: usize = 3 * 224 * 224;
/// "Binary tensor data extension" of Triton: how much of the body is JSON.
const JSON_LENGTH: &str = "inference-header-content-length";

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    inputs: [Input<'a>; 1],
}

#[derive(Deserialize)]
struct Input<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: [usize; 4],
    #[serde(default)]
    data: Option<Vec<f32>>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    model_name: &'static str,
    model_version: &'static str,
    outputs: [Output; 1],
}

#[derive(Serialize)]
struct Output {
    name: &'static str,
    datatype: &'static str,
    shape: [usize; 1],
    data: [f32; 1],
}

pub(crate) fn routes(sessions: Sessions) -> Router {
    Router::new().route("/v2/models/big/infer", post(infer)).with_state(sessions)
}

async fn infer(State(sessions): State<Sessions>, headers: HeaderMap, body: Bytes) -> Result<Json<Answer>, Error> {
    let length = match headers.get(JSON_LENGTH) {
        Some(length) => length.to_str().ok().and_then(|length| length.parse().ok()),
        None => Some(body.len()),
    };
    let (json, binary) = length.and_then(|length| body.split_at_checked(length)).ok_or_else(wrong_length)?;
    let Request { inputs: [input] } = serde_json::from_slice(json)?;
    if input.name != "x" || input.datatype != "FP32" || input.shape != SHAPE {
        return Err(Error::wrong(format!("expected one input x, FP32, of shape {SHAPE:?}")));
    }
    match input.data {
        Some(data) if data.len() == ELEMENTS && binary.is_empty() => mean(&sessions, &data),
        None if input.parameters.binary_data_size == Some(binary.len()) => mean(&sessions, &singles(binary)?),
        _ => Err(Error::wrong(format!("x: expected {ELEMENTS} elements"))),
    }
}

/// The elements, copied: they follow the JSON at any address.
fn singles(binary: &[u8]) -> Result<Vec<f32>, Error> {
    let (singles, rest) = binary.as_chunks::<4>();
    if singles.len() != ELEMENTS || !rest.is_empty() {
        return Err(Error::wrong(format!("x: expected {ELEMENTS} elements of four bytes, got {} bytes", binary.len())));
    }
    Ok(singles.iter().map(|single| f32::from_le_bytes(*single)).collect())
}

fn mean(sessions: &Sessions, elements: &[f32]) -> Result<Json<Answer>, Error> {
    let image = TensorRef::from_array_view((SHAPE, elements))?;
    let mut session = sessions.take();
    let outputs = session.run(inputs![image])?;
    let (_, means) = outputs[0].try_extract_tensor::<f32>()?;
    let output = Output { name: "mean", datatype: "FP32", shape: [1], data: [means[0]] };
    Ok(Json(Answer { model_name: "big", model_version: "1", outputs: [output] }))
}

fn wrong_length() -> Error {
    Error::wrong(format!("{JSON_LENGTH}: expected the length of the JSON in front of the elements"))
}
