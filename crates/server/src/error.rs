//! Errors on their way out: one exhaustive table from kind to status for each protocol, and one JSON body for all errors
//! over HTTP.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{Extensions, StatusCode};
use loadonce_core::{ErrorKind, InferError, LookupError, RowFault, RunError};
use serde::Serialize;
use serde_json::json;
use tonic::{Code, Status};

use crate::wire::WireError;

/// An error with its kind and its text for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ApiError {
    /// What the status is chosen by.
    pub kind: ApiErrorKind,
    /// What was wrong, where, what was expected, what came.
    pub text: String,
    /// After how long the caller may try again; none where that is of no use.
    pub retry_after: Option<Duration>,
    /// What is wrong with each row, where that is what is wrong.
    pub details: Vec<Detail>,
}

/// What is wrong at one place of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// The place, as a path of fields and positions: `instances[3].petal_length`.
    pub path: String,
    /// What was expected, and what came.
    pub message: String,
}

/// Kinds of error that a caller can meet: those of a prediction, and those of HTTP itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// A prediction failed.
    Infer(ErrorKind),
    /// The body is larger than the server takes.
    BodyTooLarge,
    /// The client stopped sending in the middle of a body.
    BodyCutShort,
    /// The body does not come in time.
    BodyTooSlow,
    /// The body is packed in a way that the server does not know.
    UnknownEncoding,
    /// No such path.
    NoSuchPath,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// A gRPC method was called with something else than gRPC.
    NotGrpc,
}

/// The HTTP status of each kind of prediction error. "Not ready" is 503, which Kubernetes and load balancers understand,
/// and not the 400 that some servers of the Open Inference Protocol give.
pub fn http_status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorKind::InvalidRows => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::TooLate | ErrorKind::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The gRPC status code of an answer that is a failure, from its extensions; over HTTP such an answer is a 200.
pub fn grpc_failure(extensions: &Extensions) -> Option<i32> {
    extensions.get::<Status>().map(|status| status.code().into())
}

/// The gRPC status code of each kind of prediction error (`statuscodes.md` of grpc/grpc). A full queue is
/// `RESOURCE_EXHAUSTED`, which clients may try again after a while.
pub fn grpc_code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::InvalidRows => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Overloaded => Code::ResourceExhausted,
        ErrorKind::TooLate | ErrorKind::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorKind::Internal => Code::Internal,
    }
}

impl ApiErrorKind {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Infer(kind) => http_status(kind),
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyCutShort => StatusCode::BAD_REQUEST,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::UnknownEncoding | Self::NotGrpc => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The gRPC status code.
    pub fn code(self) -> Code {
        match self {
            Self::Infer(kind) => grpc_code(kind),
            Self::BodyTooLarge => Code::ResourceExhausted,
            Self::BodyCutShort => Code::Cancelled,
            Self::BodyTooSlow => Code::DeadlineExceeded,
            Self::UnknownEncoding | Self::NoSuchPath | Self::MethodNotAllowed | Self::NotGrpc => Code::Unimplemented,
        }
    }
}

impl ApiError {
    /// An error of that kind.
    pub fn new(kind: ApiErrorKind, text: impl Into<String>) -> Self {
        let retry_after = matches!(kind, ApiErrorKind::Infer(ErrorKind::Unavailable | ErrorKind::Overloaded));
        Self { kind, text: text.into(), retry_after: retry_after.then_some(A_WHILE), details: Vec::new() }
    }

    /// A request that is wrong.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::Infer(ErrorKind::InvalidRequest), text)
    }

    /// A prediction that failed, of a request that has its rows at that place.
    pub(crate) fn of_prediction(error: InferError, place: &str) -> Self {
        let InferError::Run(RunError::InvalidRows { rows }) = error else { return error.into() };
        let mut own = Self::new(ApiErrorKind::Infer(ErrorKind::InvalidRows), RowFault::summary(&rows, place));
        let detail = |fault: RowFault| Detail { path: fault.path_in(place), message: fault.message };
        own.details = rows.into_iter().map(detail).collect();
        own
    }

    /// A body, or a message of one, that could not be read to its end, by the error of reading it and its text.
    pub(crate) fn unread(what: &str, error: &(dyn Error + 'static), text: &str) -> Self {
        let mut causes = successors(Some(error), |cause| (*cause).source());
        let is_slow = causes.any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
        });
        let kind = if is_slow { ApiErrorKind::BodyTooSlow } else { ApiErrorKind::BodyCutShort };
        Self::new(kind, format!("{what} could not be read to its end: {text}"))
    }

    /// A stream that ends because the server does.
    pub(crate) fn stopping() -> Self {
        Self::new(ApiErrorKind::Infer(ErrorKind::Unavailable), "the server is stopping")
    }

    /// The kind of prediction error as which it is counted.
    pub(crate) fn outcome(&self) -> ErrorKind {
        match self.kind {
            ApiErrorKind::Infer(kind) => kind,
            ApiErrorKind::BodyTooLarge
            | ApiErrorKind::BodyCutShort
            | ApiErrorKind::BodyTooSlow
            | ApiErrorKind::UnknownEncoding => ErrorKind::InvalidRequest,
            ApiErrorKind::NoSuchPath | ApiErrorKind::MethodNotAllowed | ApiErrorKind::NotGrpc => ErrorKind::NotFound,
        }
    }
}

impl From<InferError> for ApiError {
    fn from(error: InferError) -> Self {
        let mut own = Self::new(ApiErrorKind::Infer(error.kind()), error.to_string());
        if let InferError::QueueFull { expected, .. } = error
            && !expected.is_zero()
        {
            own.retry_after = Some(expected);
        }
        own
    }
}

impl From<LookupError> for ApiError {
    fn from(error: LookupError) -> Self {
        InferError::from(error).into()
    }
}

impl From<WireError> for ApiError {
    fn from(error: WireError) -> Self {
        Self::new(ApiErrorKind::Infer(error.kind()), error.to_string())
    }
}

/// After which a refused caller may try again, where nothing better is known.
const A_WHILE: Duration = Duration::from_secs(1);

/// What clients of gRPC that try again by themselves wait for, in milliseconds (gRPC's proposal A6, "Pushback").
const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.text });
        if !self.details.is_empty() {
            body["details"] = json!(self.details);
        }
        let mut response = (self.kind.status(), Json(body)).into_response();
        if let Some(retry_after) = self.retry_after {
            // Whole seconds (RFC 9110, section 10.2.3), rather too many than too few.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Bytes of an error's text over gRPC, where it travels in a header: clients take 8 KiB of those, in which a byte may
/// take three.
const LONGEST_STATUS: usize = 2048;

impl From<ApiError> for Status {
    fn from(ApiError { kind, mut text, retry_after, .. }: ApiError) -> Self {
        if text.len() > LONGEST_STATUS {
            text.truncate(text.floor_char_boundary(LONGEST_STATUS));
            text.push_str("..");
        }
        let mut status = Self::new(kind.code(), text);
        if let Some(retry_after) = retry_after {
            let milliseconds = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
            status.metadata_mut().insert(PUSHBACK, milliseconds.max(1).into());
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_prediction_error_has_its_status() {
        let statuses: Vec<_> = ErrorKind::ALL.into_iter().map(|kind| http_status(kind).as_u16()).collect();
        assert_eq!(statuses, [400, 422, 404, 503, 429, 504, 504, 500]);
        // Their numbers in `statuscodes.md` of grpc/grpc.
        assert_eq!(ErrorKind::ALL.map(|kind| i32::from(grpc_code(kind))), [3, 3, 5, 14, 8, 4, 4, 13]);
    }

    #[test]
    fn a_full_queue_says_when_to_try_again() {
        let told = |expected: u64| {
            let expected = Duration::from_micros(expected);
            let error = ApiError::from(InferError::QueueFull { model: "m".to_owned(), capacity: 1, expected });
            let pushback = Status::from(error.clone()).metadata().get(PUSHBACK).unwrap().to_str().unwrap().to_owned();
            let retry_after = error.into_response().headers()[RETRY_AFTER].to_str().unwrap().to_owned();
            (retry_after, pushback)
        };
        for (expected, seconds, milliseconds) in
            [(0, "1", "1000"), (5, "1", "1"), (250_000, "1", "250"), (2_000_000, "2", "2000"), (2_000_001, "3", "2000")]
        {
            assert_eq!(told(expected), (seconds.to_owned(), milliseconds.to_owned()), "{expected}");
        }
    }

    #[test]
    fn a_long_text_is_cut_for_grpc() {
        let status = Status::from(ApiError::invalid("ü".repeat(LONGEST_STATUS)));
        assert_eq!(status.message().len(), LONGEST_STATUS + 2);
        assert!(status.message().ends_with("ü.."));
    }
}
