//! Predictions over gRPC, one or a stream of them.

use std::future::ready;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use loadonce_core::status::{Phase, StatusView};
use loadonce_core::{InferResponse, ModelHandle};
use tokio::time::sleep;
use tonic::codec::Streaming;

use super::call::{Bound, Call, answer_all, answer_one};
use super::model;
use crate::api::Api;
use crate::counts::Protocol;
use crate::error::ApiError;
use crate::explain;
use crate::predict::{Asked, Format, Prediction, Received, offload, predict};
use crate::wire::grpc::proto::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse};
use crate::wire::grpc::{Form, decode_message, decode_request, encode_response};
use crate::wire::v2::Answerer;

/// Messages of one stream that are answered at the same time; the answers keep their order.
const AT_ONCE: usize = 16;

/// How long a stream may be silent once the server stops.
const LINGER: Duration = Duration::from_millis(500);

pub(super) async fn one(State(api): State<Api>, request: Request) -> Response {
    let is_asked = explain::is_asked(request.headers());
    let (api, known) = (&api, OnceLock::new());
    let answer = async |call, message| {
        let (message, size) = decoded(api, call, message).await?;
        let (result, prediction) = infer(api, call, message, size).await;
        if let Some(prediction) = prediction {
            // Set once, as the call has one message.
            let _ = known.set(prediction);
        }
        result
    };
    let mut response = answer_one(request, bound(api), answer).await;
    if let Some(prediction) = known.into_inner() {
        explain::attach(prediction, is_asked, &mut response);
    }
    response
}

/// A mistake in one message is told in its answer, and the stream goes on.
pub(super) async fn stream(State(api): State<Api>, request: Request) -> Response {
    let bound = bound(&api);
    answer_all(request, bound, |call, messages| {
        let messages = until_drained(messages, bound, api.status().clone());
        let api = api.clone();
        let answers = messages.map(move |message| {
            let api = api.clone();
            async move { Ok(answer(&api, Call { started: Instant::now(), ..call }, message?).await) }
        });
        answers.buffered(AT_ONCE)
    })
    .await
}

fn bound(api: &Api) -> Bound {
    Bound { bytes: api.limits().message_bytes, advice: "; the operator can raise --max-grpc-message-bytes" }
}

async fn answer(api: &Api, call: Call, message: Bytes) -> ModelStreamInferResponse {
    let mut id = String::new();
    let answered = async {
        let (message, size) = decoded(api, call, Ok(message)).await?;
        id.clone_from(&message.id);
        infer(api, call, message, size).await.0
    };
    match answered.await {
        Ok(response) => ModelStreamInferResponse { infer_response: Some(response), error_message: String::new() },
        Err(error) => {
            let response = ModelInferResponse { id, ..ModelInferResponse::default() };
            ModelStreamInferResponse { infer_response: Some(response), error_message: error.text }
        }
    }
}

/// The message and its size. One that cannot be read names no model, and is counted so.
async fn decoded(
    api: &Api,
    call: Call,
    message: Result<Bytes, ApiError>,
) -> Result<(ModelInferRequest, usize), ApiError> {
    let decoded = match message {
        Ok(message) => {
            let size = message.len();
            offload(api, size, move || Ok((decode_message(message)?, size))).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &decoded {
        api.served().counts.of("").begin(Protocol::Grpc, call.started).failed(error);
    }
    decoded
}

async fn infer(
    api: &Api,
    call: Call,
    mut message: ModelInferRequest,
    size: usize,
) -> (Result<ModelInferResponse, ApiError>, Option<Prediction>) {
    let (name, version) = (std::mem::take(&mut message.model_name), std::mem::take(&mut message.model_version));
    let version = model::version(&version);
    let asked = Asked { protocol: Protocol::Grpc, model: &name, version, started: call.started };
    let format = Format {
        decode: move |message, model: &ModelHandle| decode_request(message, model.signature()),
        encode: |form: Form, model: &ModelHandle, response: &InferResponse| {
            let (name, version, signature) = (model.name(), model.version(), model.signature());
            encode_response(Answerer { name, version, signature }, response, &form)
        },
    };
    predict(api, asked, ready(Ok(Received { body: message, size, deadline: call.deadline })), format).await
}

/// The messages of a stream, until the caller has sent all, or is silent while the server stops: an open stream must not
/// keep it from that.
fn until_drained(
    messages: Streaming<Bytes>,
    bound: Bound,
    status: StatusView,
) -> impl Stream<Item = Result<Bytes, ApiError>> {
    let draining = async move { drop(status.wait_until(|now| now.phase >= Phase::Draining).await) };
    let draining: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(draining);
    stream::unfold(Some((messages, Some(draining))), move |open| async move {
        let (mut messages, mut draining) = open?;
        let silence = async {
            if let Some(begun) = &mut draining {
                begun.await;
                draining = None;
            }
            sleep(LINGER).await;
        };
        tokio::select! {
            biased;
            message = bound.next(&mut messages) => match message.transpose()? {
                Ok(message) => Some((Ok(message), Some((messages, draining)))),
                Err(error) => Some((Err(error), None)),
            },
            () = silence => Some((Err(ApiError::stopping()), None)),
        }
    })
}
