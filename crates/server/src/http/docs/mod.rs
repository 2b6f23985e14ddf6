//! The page for people at `/` and `/docs`, and the document for machines at `/openapi.json`.
//!
//! The page is a few files that never change while the server runs. It knows nothing but what it asks the server for, and
//! makes all its text from that as text, so a name from a user's file is never taken for markup. Its policy lets it load
//! and ask this server only.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use serde_json::json;

use super::target::Target;
use crate::api::Api;
use crate::error::{ApiError, ApiErrorKind};
use crate::openapi::segment;

/// What the page may do: load its style and script from here, ask here, and be framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "no-referrer")];
    (policy, text("text/html", include_str!("page.html"))).into_response()
}

/// The page for browsers, and for others what KServe's own servers say there, which its SDK takes for their liveness
/// (`DataPlane.live`).
pub(super) async fn root(headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_page = accept.is_some_and(|accept| accept.contains("text/html"));
    let answer = if wants_page { page().await } else { Json(json!({ "status": "alive" })).into_response() };
    ([(VARY, "accept")], answer).into_response()
}

/// What the page loads: name, media type, content.
const FILES: [(&str, &str, &str); 7] = [
    ("page.css", "text/css", include_str!("page.css")),
    ("page.js", "text/javascript", include_str!("page.js")),
    ("bench.js", "text/javascript", include_str!("bench.js")),
    ("answer.js", "text/javascript", include_str!("answer.js")),
    ("json.js", "text/javascript", include_str!("json.js")),
    ("memory.js", "text/javascript", include_str!("memory.js")),
    ("dom.js", "text/javascript", include_str!("dom.js")),
];

pub(super) async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = FILES.into_iter().find(|(file, ..)| *file == name);
    let unknown = || ApiError::new(ApiErrorKind::NoSuchPath, format!("the page has no file '{name}'"));
    let (_, media, content) = found.ok_or_else(unknown)?;
    Ok(text(media, content).into_response())
}

/// Text of the program, which another version may have otherwise.
fn text(media: &str, content: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, String); 3] = [
        (CONTENT_TYPE, format!("{media}; charset=utf-8")),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, content)
}

pub(super) async fn document(State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], api.served().document.clone()).into_response()
}

/// The page, for MLServer's path of it, and for one from which the page's files are not found.
pub(super) async fn to_page() -> Redirect {
    Redirect::temporary("/docs")
}

/// A model's part of the page.
pub(super) async fn to_model(State(api): State<Api>, Path(target): Path<Target>) -> Result<Redirect, ApiError> {
    api.entry(&target.name, None)?;
    Ok(Redirect::temporary(&format!("/docs#{}", segment(&target.name))))
}
