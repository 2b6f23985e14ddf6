//! Paths that end in a slash, as the protocol's YAML has some (`open_inference_rest.yaml`) and some clients write all: they
//! mean the path without it.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::Uri;
use tower::ServiceExt as _;

use super::no_such_path;

/// Adds to routes what answers all other paths: the route without the slash, or the error.
pub(super) fn tolerate(routes: Router) -> Router {
    let known = routes.clone().fallback(no_such_path);
    routes.fallback(move |request| again(known, request))
}

async fn again(known: Router, mut request: Request) -> Response {
    if let Some(shorter) = without_slash(request.uri()) {
        *request.uri_mut() = shorter;
    }
    match known.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

/// The same without slashes at the end of the path; none where there are none, or nothing else.
fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().trim_end_matches('/');
    if path.is_empty() || path.len() == uri.path().len() {
        return None;
    }
    let shorter = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    shorter.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_path_is_cut() {
        let cut = |uri: &str| without_slash(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(cut("/v2/").as_deref(), Some("/v2"));
        assert_eq!(cut("/v2/models/a%2Fb//?x=/").as_deref(), Some("/v2/models/a%2Fb?x=/"));
        assert_eq!((cut("/v2"), cut("/"), cut("//")), (None, None, None));
    }
}
