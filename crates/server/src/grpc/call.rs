//! What all calls share: the content type, the deadline, the bound on messages, compression, and how an error is told.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use futures_util::stream::{Stream, TryStreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use prost::Message;
use tonic::codec::{CompressionEncoding, Streaming};
use tonic::server::Grpc;
use tonic::{Code, Status};
use tower::service_fn;

use super::codec::Undecoded;
use crate::deadline::deadline;
use crate::error::{ApiError, ApiErrorKind};

/// Bytes above which an answer is sent as it is, even to those who packed their request: `tonic` packs on the runtime's
/// threads, and holds up other connections meanwhile.
const MOST_PACKED: usize = 256 << 10;

/// What the head of a call says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// When it was there.
    pub(super) started: Instant,
    /// When the caller stops to wait.
    pub(super) deadline: Option<Instant>,
}

/// How large a message may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) bytes: usize,
    /// What can be done about it.
    pub(super) advice: &'static str,
}

impl Bound {
    /// For messages that hold no tensors.
    pub(super) const SMALL: Self = Self { bytes: 1 << 20, advice: "" };

    /// The next message; none once the caller has sent all.
    pub(super) async fn next(self, messages: &mut Streaming<Bytes>) -> Result<Option<Bytes>, ApiError> {
        messages.message().await.map_err(|status| self.explain(&status))
    }

    /// The first message, of a call that has one.
    pub(super) async fn first(self, mut messages: Streaming<Bytes>) -> Result<Bytes, ApiError> {
        self.next(&mut messages).await?.ok_or_else(|| ApiError::invalid("the call has no message"))
    }

    fn explain(self, status: &Status) -> ApiError {
        match status.code() {
            Code::OutOfRange | Code::ResourceExhausted => {
                let text = format!("the message is larger than the limit of {} bytes{}", self.bytes, self.advice);
                ApiError::new(ApiErrorKind::BodyTooLarge, text)
            }
            _ => ApiError::unread("the message", status, status.message()),
        }
    }
}

impl Call {
    fn begin(headers: &HeaderMap) -> Result<Self, ApiError> {
        if !is_call(headers) {
            let text = "Content-Type: this path is a gRPC method, expected application/grpc";
            return Err(ApiError::new(ApiErrorKind::NotGrpc, text));
        }
        let started = Instant::now();
        Ok(Self { started, deadline: deadline(headers, started)? })
    }
}

/// Whether a request is a gRPC call: `application/grpc`, alone or with a format behind `+` or `;`. Not `grpc-web`.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let format = content_type.and_then(|content_type| content_type.strip_prefix(b"application/grpc"));
    format.is_some_and(|format| matches!(format.first(), None | Some(b'+' | b';')))
}

/// The answer to a call that failed.
pub(super) fn failed(error: ApiError) -> Response {
    Status::from(error).into_http::<Body>()
}

/// The route of a method that answers at once.
pub(super) fn unary<S, M, R>(answer: fn(&S, &M) -> Result<R, ApiError>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    M: Message + Default + 'static,
    R: Message + 'static,
{
    post(move |State(state): State<S>, request: Request| async move {
        let state = &state;
        answer_one(request, Bound::SMALL, async |_, message| answer(state, &decode(&message?)?)).await
    })
}

/// Reads a small message.
pub(super) fn decode<M: Message + Default>(message: &[u8]) -> Result<M, ApiError> {
    M::decode(message).map_err(|error| ApiError::invalid(format!("the message cannot be read: {error}")))
}

/// Answers a call of one message, or of one that could not be read, with one message.
pub(super) async fn answer_one<R, A>(
    request: Request,
    bound: Bound,
    answer: impl Fn(Call, Result<Bytes, ApiError>) -> A + Send + Sync,
) -> Response
where
    R: Message + 'static,
    A: Future<Output = Result<R, ApiError>> + Send,
{
    let call = match Call::begin(request.headers()) {
        Ok(call) => call,
        Err(error) => return refused(error),
    };
    let answer = &answer;
    let service = service_fn(move |request: tonic::Request<Streaming<Bytes>>| async move {
        let message = bound.first(request.into_inner()).await;
        let message = answer(call, message).await?;
        let size = message.encoded_len();
        let mut response = tonic::Response::new(message);
        if size > MOST_PACKED {
            response.disable_compression();
        }
        Ok::<_, Status>(response)
    });
    grpc(request.headers(), bound).client_streaming(service, request).await.map(Body::new)
}

/// Answers a call of any number of messages with any number of messages.
pub(super) async fn answer_all<R, A>(
    request: Request,
    bound: Bound,
    answers: impl Fn(Call, Streaming<Bytes>) -> A + Send + Sync,
) -> Response
where
    R: Message + 'static,
    A: Stream<Item = Result<R, ApiError>> + Send + 'static,
{
    let call = match Call::begin(request.headers()) {
        Ok(call) => call,
        Err(error) => return refused(error),
    };
    let answers = &answers;
    let service = service_fn(move |request: tonic::Request<Streaming<Bytes>>| async move {
        Ok::<_, Status>(tonic::Response::new(answers(call, request.into_inner()).map_err(Status::from)))
    });
    grpc(request.headers(), bound).streaming(service, request).await.map(Body::new)
}

/// What is not gRPC at all is told so in HTTP's words.
fn refused(error: ApiError) -> Response {
    if error.kind == ApiErrorKind::NotGrpc { error.into_response() } else { failed(error) }
}

/// Messages may be packed; answers are, where the caller's messages were. Clients of the C core accept packed answers
/// always, whether they want them or not.
fn grpc<R: Message + 'static>(headers: &HeaderMap, bound: Bound) -> Grpc<Undecoded<R>> {
    let grpc = Grpc::new(Undecoded::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(bound.bytes)
        .max_encoding_message_size(usize::MAX);
    match headers.get("grpc-encoding") {
        Some(encoding) if encoding == "gzip" => grpc.send_compressed(CompressionEncoding::Gzip),
        _ => grpc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_is_grpc() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            assert_eq!(is_call(&headers), expected, "{content_type}");
        }
    }
}
