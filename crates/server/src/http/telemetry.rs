//! What the server says about itself: the startup report and the metrics.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::api::Telemetry;
use crate::error::{ApiError, ApiErrorKind};
use crate::metrics;
use crate::report::StartupReport;

pub(super) async fn startup(State(telemetry): State<Telemetry>) -> Json<StartupReport> {
    Json(StartupReport::new(&telemetry.status.snapshot(), &telemetry.status.readiness()))
}

pub(super) async fn metrics(State(telemetry): State<Telemetry>) -> Response {
    match telemetry.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            let kind = ApiErrorKind::Infer(loadonce_core::ErrorKind::Internal);
            ApiError::new(kind, format!("the metrics could not be written: {error}")).into_response()
        }
    }
}
