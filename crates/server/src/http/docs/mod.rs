//! The page for people at `/` and `/docs`, and the document for machines at `/openapi.json`.
//!
//! The page is three files that never change while the server runs. It knows nothing but what it asks the server for, and
//! makes all its text from that as text, so a name from a user's file is never taken for markup. Its policy lets it load
//! and ask this server only.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use super::target::Target;
use crate::api::Api;
use crate::error::ApiError;
use crate::openapi::segment;

/// What the page may do: load its style and script from here, ask here, and be framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "no-referrer")];
    (policy, file("text/html; charset=utf-8", include_str!("page.html"))).into_response()
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page.css")).into_response()
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page.js")).into_response()
}

/// A file of the program, which another version may have otherwise.
fn file(media: &'static str, content: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, media), (CACHE_CONTROL, "no-cache"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, content)
}

pub(super) async fn document(State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], api.document()).into_response()
}

/// The page under the path that MLServer has for it.
pub(super) async fn to_page() -> Redirect {
    Redirect::temporary("/docs")
}

/// A model's part of the page.
pub(super) async fn to_model(State(api): State<Api>, Path(target): Path<Target>) -> Result<Redirect, ApiError> {
    api.registry().entry(&target.name, None)?;
    Ok(Redirect::temporary(&format!("/docs#{}", segment(&target.name))))
}
