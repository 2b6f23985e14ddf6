//! The HTTP room: routes and thin handlers.

mod body;
mod compression;
mod cors;
mod docs;
mod platform;
mod predict;
mod shortcut;
mod slash;
mod target;
mod telemetry;
mod triton;
mod v1;
mod v2;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::api::{Api, Telemetry};
use crate::error::{ApiError, ApiErrorKind};
use crate::grpc;

pub use self::cors::{NoOrigin, Origins};
pub(crate) use self::platform::TARGET_MODEL;
pub(crate) use self::shortcut::shortcut;

/// Every route over HTTP but its health; at `predict_path` predictions of the only model.
pub(crate) fn routes(api: Api, predict_path: Option<&str>) -> Router {
    let routes = slash::tolerate(protocol_routes(api.clone()));
    let routes = match predict_path {
        Some(path) => platform::with_predict_path(path, api, routes),
        None => routes,
    };
    routes.layer(compression::unpack()).layer(compression::pack())
}

fn protocol_routes(api: Api) -> Router {
    let telemetry = telemetry_routes(api.telemetry().clone());
    Router::new()
        .route("/", get(docs::root))
        .route("/docs", get(docs::page))
        .route("/docs/", get(docs::to_page))
        .route("/docs/{file}", get(docs::file))
        .route("/openapi.json", get(docs::document))
        .route("/v2/docs", get(docs::to_page))
        .route("/v2/models/{name}/docs", get(docs::to_model))
        .route("/v2", get(v2::server_metadata))
        .route("/v2/models/{name}", get(v2::model_metadata))
        .route("/v2/models/{name}/versions/{version}", get(v2::model_metadata))
        .route("/v2/models/{name}/ready", get(v2::model_ready))
        .route("/v2/models/{name}/versions/{version}/ready", get(v2::model_ready))
        .route("/v2/models/{name}/infer", post(v2::infer))
        .route("/v2/models/{name}/versions/{version}/infer", post(v2::infer))
        .route("/v2/models/stats", get(triton::all_statistics))
        .route("/v2/models/{name}/stats", get(triton::statistics))
        .route("/v2/models/{name}/versions/{version}/stats", get(triton::statistics))
        .route("/v2/models/{name}/config", get(triton::config))
        .route("/v2/models/{name}/versions/{version}/config", get(triton::config))
        .route("/v2/repository/index", post(triton::index))
        .route("/v1/models", get(v1::list))
        .route("/v1/models/{name}", get(v1::status).post(v1::act))
        .route("/v1/models/{name}/metadata", get(v1::metadata))
        .route("/v1/models/{name}/versions/{version}", get(v1::status).post(v1::act))
        .route("/v1/models/{name}/versions/{version}/metadata", get(v1::metadata))
        .route("/v1/models/{name}/labels/{label}", get(v1::no_labels).post(v1::no_labels))
        .route("/v1/models/{name}/labels/{label}/metadata", get(v1::no_labels))
        .route("/invocations", post(platform::invocations))
        .method_not_allowed_fallback(wrong_method)
        .with_state(api)
        .merge(telemetry)
}

/// The routes that need no models.
pub(crate) fn telemetry_routes(telemetry: Telemetry) -> Router {
    Router::new()
        .route("/v2/startup", get(telemetry::startup))
        .route("/metrics", get(telemetry::metrics))
        .method_not_allowed_fallback(wrong_method)
        .with_state(telemetry)
}

async fn no_such_path(headers: HeaderMap, uri: Uri) -> Response {
    if grpc::is_call(&headers) {
        return grpc::no_such_method(uri.path());
    }
    let text = format!("no such path '{}'; the models and their paths are listed at /docs", uri.path());
    ApiError::new(ApiErrorKind::NoSuchPath, text).into_response()
}

/// The router adds the Allow header, which is all that who asks for options wants.
async fn wrong_method(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let text = format!("{method} is not allowed on '{}', see the Allow header", uri.path());
    ApiError::new(ApiErrorKind::MethodNotAllowed, text).into_response()
}
