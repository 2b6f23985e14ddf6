//! Errors on their way out: one exhaustive table from kind to HTTP status, and one JSON body for all of them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use loadonce_core::{ErrorKind, InferError, LookupError};
use serde_json::json;

use crate::wire::WireError;

/// An error with its kind and its text for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ApiError {
    /// What the status is chosen by.
    pub kind: ApiErrorKind,
    /// What was wrong, where, what was expected, what came.
    pub text: String,
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
    /// The body is packed in a way that the server does not know.
    UnknownEncoding,
    /// No such path.
    NoSuchPath,
    /// The path exists, but not with this method.
    MethodNotAllowed,
}

/// The HTTP status of each kind of prediction error. "Not ready" is 503, which Kubernetes and load balancers understand,
/// and not the 400 that some servers of the Open Inference Protocol give.
pub fn http_status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl ApiErrorKind {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Infer(kind) => http_status(kind),
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyCutShort => StatusCode::BAD_REQUEST,
            Self::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

impl ApiError {
    /// An error of that kind.
    pub fn new(kind: ApiErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// A request that is wrong.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::Infer(ErrorKind::InvalidRequest), text)
    }

    /// The label in metrics.
    pub fn outcome(&self) -> &'static str {
        match self.kind {
            ApiErrorKind::Infer(kind) => kind.as_str(),
            ApiErrorKind::BodyTooLarge | ApiErrorKind::BodyCutShort | ApiErrorKind::UnknownEncoding => {
                ErrorKind::InvalidRequest.as_str()
            }
            ApiErrorKind::NoSuchPath | ApiErrorKind::MethodNotAllowed => ErrorKind::NotFound.as_str(),
        }
    }
}

impl From<InferError> for ApiError {
    fn from(error: InferError) -> Self {
        Self::new(ApiErrorKind::Infer(error.kind()), error.to_string())
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

/// Seconds after which a refused caller may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let mut response = (status, Json(json!({ "error": self.text }))).into_response();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_prediction_error_has_its_own_status() {
        let statuses: Vec<_> = ErrorKind::ALL.into_iter().map(|kind| http_status(kind).as_u16()).collect();
        assert_eq!(statuses, [400, 404, 503, 429, 504, 500]);
    }
}
