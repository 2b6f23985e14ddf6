//! Classifiers of rows: iris and the forest. Protocol v1, JSON.
//!
//! A run takes microseconds, so it happens where the request arrived.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use ort::inputs;
use ort::value::TensorRef;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sessions::Sessions;

#[derive(Deserialize)]
#[serde(bound = "[f32; FEATURES]: DeserializeOwned")]
struct Request<const FEATURES: usize> {
    instances: Vec<[f32; FEATURES]>,
}

#[derive(Serialize)]
#[serde(bound = "[f32; CLASSES]: Serialize")]
struct Answer<const CLASSES: usize> {
    predictions: Vec<Prediction<CLASSES>>,
}

#[derive(Serialize)]
#[serde(bound = "[f32; CLASSES]: Serialize")]
struct Prediction<const CLASSES: usize> {
    label: i64,
    probabilities: [f32; CLASSES],
}

/// The path of a model with that many features and classes.
pub(crate) fn routes<const FEATURES: usize, const CLASSES: usize>(path: &str, sessions: Sessions) -> Router
where
    [f32; FEATURES]: DeserializeOwned,
    [f32; CLASSES]: Serialize,
{
    Router::new().route(path, post(predict::<FEATURES, CLASSES>)).with_state(sessions)
}

async fn predict<const FEATURES: usize, const CLASSES: usize>(
    State(sessions): State<Sessions>,
    body: Bytes,
) -> Result<Json<Answer<CLASSES>>, Error>
where
    [f32; FEATURES]: DeserializeOwned,
{
    let Request::<FEATURES> { instances } = serde_json::from_slice(&body)?;
    if instances.is_empty() {
        return Err(Error::wrong("instances: expected at least one row"));
    }
    let rows = TensorRef::from_array_view(([instances.len(), FEATURES], instances.as_flattened()))?;
    let mut session = sessions.take();
    let outputs = session.run(inputs![rows])?;
    let (_, labels) = outputs[0].try_extract_tensor::<i64>()?;
    let (_, scores) = outputs[1].try_extract_tensor::<f32>()?;
    let (scores, _) = scores.as_chunks::<CLASSES>();
    let rows = labels.iter().zip(scores);
    Ok(Json(Answer { predictions: rows.map(|(&label, &probabilities)| Prediction { label, probabilities }).collect() }))
}
