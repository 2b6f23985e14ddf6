//! The health protocol of gRPC (`grpc/health/v1`), read off the same board as all other probes.

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream::{self, Stream, TryStreamExt as _};
use loadonce_core::ErrorKind;
use loadonce_core::status::{Phase, StatusView};

use super::call::{Bound, answer_all, decode};
use crate::api::Telemetry;
use crate::error::{ApiError, ApiErrorKind};
use crate::wire::grpc::proto::health::health_check_response::ServingStatus;
use crate::wire::grpc::proto::health::{HealthCheckRequest, HealthCheckResponse};

/// Services that have a health: the whole server, and the one that predicts. It is the same.
const SERVICES: [&str; 2] = ["", "inference.GRPCInferenceService"];

pub(super) fn check(telemetry: &Telemetry, request: &HealthCheckRequest) -> Result<HealthCheckResponse, ApiError> {
    if is_known(request) {
        return Ok(response(health(&telemetry.status)));
    }
    let text = format!("service '{}' is unknown, known are '{}'", request.service, SERVICES.join("', '"));
    Err(ApiError::new(ApiErrorKind::Infer(ErrorKind::NotFound), text))
}

pub(super) async fn watch(State(telemetry): State<Telemetry>, request: Request) -> Response {
    answer_all(request, Bound::SMALL, |_, messages| {
        let status = telemetry.status.clone();
        let changes = async move {
            let request = decode(&Bound::SMALL.first(messages).await?)?;
            Ok::<_, ApiError>(changes(status, is_known(&request)))
        };
        stream::once(changes).try_flatten()
    })
    .await
}

/// The health now and at each change. It ends when the server stops, or it would keep the server from stopping.
fn changes(status: StatusView, is_known: bool) -> impl Stream<Item = Result<HealthCheckResponse, ApiError>> {
    stream::try_unfold(None, move |last| {
        let status = status.clone();
        async move {
            if last.is_some() {
                let changed = |phase| Some(current(&status, is_known)) != last || phase >= Phase::Draining;
                status.wait_until(|now| changed(now.phase)).await;
            }
            let current = current(&status, is_known);
            if last == Some(current) {
                return Err(ApiError::stopping());
            }
            Ok(Some((response(current), Some(current))))
        }
    })
}

fn current(status: &StatusView, is_known: bool) -> ServingStatus {
    if is_known { health(status) } else { ServingStatus::ServiceUnknown }
}

fn is_known(request: &HealthCheckRequest) -> bool {
    SERVICES.contains(&request.service.as_str())
}

fn health(status: &StatusView) -> ServingStatus {
    if status.readiness().is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
