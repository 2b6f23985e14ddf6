//! What the server says about itself: the startup report and the metrics.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};

use crate::api::Telemetry;
use crate::error::{ApiError, ApiErrorKind};
use crate::metrics::Format;
use crate::report::StartupReport;

pub(super) async fn startup(State(telemetry): State<Telemetry>) -> Json<StartupReport> {
    let reading = telemetry.reading().await;
    Json(StartupReport::measured(&telemetry.status.snapshot(), &telemetry.status.readiness(), &reading))
}

pub(super) async fn metrics(State(telemetry): State<Telemetry>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    match telemetry.metrics.encode(format, telemetry.reading().await) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type()), (VARY, "accept")], text).into_response(),
        Err(error) => {
            let kind = ApiErrorKind::Infer(loadonce_core::ErrorKind::Internal);
            ApiError::new(kind, format!("the metrics could not be written: {error}")).into_response()
        }
    }
}
