//! The sentence encoder. Protocol v1, JSON.
//!
//! A run takes milliseconds, so it happens on a thread that may block, as many at once as there are sessions.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use ort::inputs;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::sessions::Sessions;

const WIDTH: usize = 384;
const MAX_TOKENS: usize = 512;

#[derive(Clone)]
struct Encoder {
    sessions: Sessions,
    free: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Request {
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    input_ids: Vec<i64>,
    attention_mask: Vec<i64>,
    token_type_ids: Vec<i64>,
}

#[derive(Serialize)]
struct Answer {
    predictions: Vec<Vec<f32>>,
}

pub(crate) fn routes(sessions: Sessions) -> Router {
    let free = Arc::new(Semaphore::new(sessions.count()));
    Router::new().route("/v1/models/minilm:predict", post(predict)).with_state(Encoder { sessions, free })
}

async fn predict(State(encoder): State<Encoder>, body: Bytes) -> Result<Json<Answer>, Error> {
    let Request { instances } = serde_json::from_slice(&body)?;
    let tokens = check(&instances)?;
    let permit = encoder.free.acquire_owned().await.map_err(|_| Error::wrong("is stopping"))?;
    let run = move || {
        let answer = encode(&encoder.sessions, &instances, tokens);
        drop(permit);
        answer
    };
    tokio::task::spawn_blocking(run).await.map_err(|error| Error::wrong(error.to_string()))?
}

/// The number of tokens, which all have.
fn check(instances: &[Instance]) -> Result<usize, Error> {
    let Some(first) = instances.first() else {
        return Err(Error::wrong("instances: expected at least one"));
    };
    let tokens = first.input_ids.len();
    if tokens == 0 || tokens > MAX_TOKENS {
        return Err(Error::wrong(format!("input_ids: expected 1 to {MAX_TOKENS}, got {tokens}")));
    }
    let fits = |instance: &Instance| {
        [&instance.input_ids, &instance.attention_mask, &instance.token_type_ids].iter().all(|ids| ids.len() == tokens)
    };
    if instances.iter().all(fits) { Ok(tokens) } else { Err(Error::wrong(format!("expected {tokens} of everything"))) }
}

fn encode(sessions: &Sessions, instances: &[Instance], tokens: usize) -> Result<Json<Answer>, Error> {
    let shape = [instances.len(), tokens];
    let together = |part: fn(&Instance) -> &Vec<i64>| instances.iter().flat_map(part).copied().collect::<Vec<_>>();
    let (ids, mask) = (together(|instance| &instance.input_ids), together(|instance| &instance.attention_mask));
    let types = together(|instance| &instance.token_type_ids);
    let mut session = sessions.take();
    let outputs = session.run(inputs![
        "input_ids" => TensorRef::from_array_view((shape, &*ids))?,
        "attention_mask" => TensorRef::from_array_view((shape, &*mask))?,
        "token_type_ids" => TensorRef::from_array_view((shape, &*types))?,
    ])?;
    let (_, vectors) = outputs[0].try_extract_tensor::<f32>()?;
    Ok(Json(Answer { predictions: vectors.chunks(WIDTH).map(<[f32]>::to_vec).collect() }))
}
