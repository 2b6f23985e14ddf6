//! The gRPC room: routes and thin handlers. A call is an HTTP/2 request (gRPC's `PROTOCOL-HTTP2.md`), so its methods are
//! routes like any others; `tonic` frames the messages.

mod call;
mod codec;
mod health;
mod infer;
mod model;
mod reflection;
mod server;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use loadonce_core::ErrorKind;
use loadonce_core::status::Readiness;

use self::call::{failed, unary};
use crate::api::{Api, Telemetry};
use crate::error::{ApiError, ApiErrorKind};
use crate::wire::grpc::proto::{ServerLiveRequest, ServerMetadataRequest, ServerReadyRequest};

pub(crate) use self::call::is_call;

/// Every route over gRPC.
pub(crate) fn routes(api: Api) -> Router {
    let telemetry = telemetry_routes(api.telemetry().clone());
    Router::new()
        .route(
            "/inference.GRPCInferenceService/ServerMetadata",
            unary(|_, _: &ServerMetadataRequest| Ok(server::metadata())),
        )
        .route("/inference.GRPCInferenceService/ModelReady", unary(model::ready))
        .route("/inference.GRPCInferenceService/ModelMetadata", unary(model::metadata))
        .route("/inference.GRPCInferenceService/ModelConfig", unary(model::config))
        .route("/inference.GRPCInferenceService/ModelStatistics", post(model::statistics))
        .route("/inference.GRPCInferenceService/RepositoryIndex", unary(|api, request| Ok(model::index(api, request))))
        .route("/inference.GRPCInferenceService/ModelInfer", post(infer::one))
        .route("/inference.GRPCInferenceService/ModelStreamInfer", post(infer::stream))
        .route("/inference.GRPCInferenceService/{method}", post(not_served))
        .with_state(api)
        .merge(telemetry)
}

/// The routes while models are loading: what needs none of them, and for everything else the reason why not.
pub(crate) fn routes_meanwhile(telemetry: Telemetry) -> Router {
    Router::new()
        .route("/inference.GRPCInferenceService/{method}", post(not_yet))
        .with_state(telemetry.clone())
        .merge(telemetry_routes(telemetry))
}

fn telemetry_routes(telemetry: Telemetry) -> Router {
    let router = Router::new()
        .route("/inference.GRPCInferenceService/ServerLive", unary(|_, _: &ServerLiveRequest| Ok(server::live())))
        .route(
            "/inference.GRPCInferenceService/ServerReady",
            unary(|telemetry, _: &ServerReadyRequest| Ok(server::ready(telemetry))),
        )
        .route("/grpc.health.v1.Health/Check", unary(health::check))
        .route("/grpc.health.v1.Health/Watch", post(health::watch))
        .with_state(telemetry);
    reflection::add_to(router)
}

/// The answer to a call of a method or service that does not exist.
pub(crate) fn no_such_method(path: &str) -> Response {
    failed(ApiError::new(
        ApiErrorKind::NoSuchPath,
        format!("no such method '{path}'; where gRPC is served, reflection lists its methods"),
    ))
}

/// Triton's methods that are known and not served, and those that nobody knows.
async fn not_served(Path(method): Path<String>) -> Response {
    let reason = match method.as_str() {
        "RepositoryModelLoad" | "RepositoryModelUnload" => "models are loaded once, when the server starts",
        "SystemSharedMemoryStatus"
        | "SystemSharedMemoryRegister"
        | "SystemSharedMemoryUnregister"
        | "CudaSharedMemoryStatus"
        | "CudaSharedMemoryRegister"
        | "CudaSharedMemoryUnregister" => "tensors travel in messages, not in shared memory",
        "TraceSetting" => "requests are not traced",
        "LogSettings" => "logging is set when the server starts",
        _ => return no_such_method(&format!("/inference.GRPCInferenceService/{method}")),
    };
    failed(ApiError::new(ApiErrorKind::NoSuchPath, format!("{method} is not served: {reason}")))
}

async fn not_yet(State(telemetry): State<Telemetry>) -> Response {
    let reason = match telemetry.status.readiness() {
        Readiness::NotReady(reason) => format!("not ready: {reason}"),
        // Became ready since this call came in: the next one is answered.
        Readiness::Ready { .. } => "not ready".to_owned(),
    };
    failed(ApiError::new(ApiErrorKind::Infer(ErrorKind::Unavailable), reason))
}
