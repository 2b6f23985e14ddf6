//! What a wrong request is told.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A status, and why.
pub(crate) struct Error(StatusCode, String);

#[derive(Serialize)]
struct Body {
    error: String,
}

impl Error {
    /// The request is wrong.
    pub(crate) fn wrong(reason: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, reason.into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.0, Json(Body { error: self.1 })).into_response()
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<ort::Error> for Error {
    fn from(error: ort::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}
