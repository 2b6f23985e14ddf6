//! The way of most requests: a prediction of a model by its name, found without asking the router, which would look at
//! every route and put the name into a list of parameters first.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ORIGIN};
use tower::{Service, ServiceExt as _, service_fn};

use super::target::Target;
use super::{v1, v2};
use crate::api::Api;
use crate::counts::Protocol;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// `/v1/models/NAME:predict`
    Rows(String),
    /// `/v2/models/NAME/infer`
    Tensors(String),
}

/// Answers what the routes behind it answer, and nothing else.
pub(crate) fn shortcut(
    api: Api,
    routes: Router,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static {
    let ways = Arc::new((api, routes.with_state::<()>(())));
    service_fn(move |request| {
        let ways = Arc::clone(&ways);
        async move {
            let (api, routes) = &*ways;
            match Way::of(&request) {
                Some(way) => Ok(way.go(api, request).await),
                None => routes.clone().oneshot(request).await,
            }
        }
    })
}

impl Way {
    /// None for all that is not quite plain: bodies that are packed or to be packed, pages of other origins, escapes in
    /// the name. The routes and their layers know about these.
    fn of(request: &Request) -> Option<Self> {
        let is_special = |header| request.headers().contains_key(header);
        if request.method() != Method::POST || [ACCEPT_ENCODING, CONTENT_ENCODING, ORIGIN].into_iter().any(is_special) {
            return None;
        }
        Self::of_path(request.uri().path())
    }

    fn of_path(path: &str) -> Option<Self> {
        let (way, name): (fn(String) -> Self, _) = match path.strip_prefix("/v2/models/") {
            Some(rest) => (Self::Tensors, rest.strip_suffix("/infer")?),
            None => (Self::Rows, path.strip_prefix("/v1/models/")?.strip_suffix(":predict")?),
        };
        let is_plain = !name.is_empty() && !name.bytes().any(|byte| matches!(byte, b'/' | b'%' | b':'));
        is_plain.then(|| way(name.to_owned()))
    }

    async fn go(self, api: &Api, request: Request) -> Response {
        let target = |name| Target { name, version: None };
        match self {
            Self::Rows(name) => v1::predict_rows(api, Protocol::V1, &target(name), request).await,
            Self::Tensors(name) => v2::infer_tensors(api, &target(name), request).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_cut_short() {
        let name = || "iris-2.0_a".to_owned();
        let cases = [
            ("/v1/models/iris-2.0_a:predict", Some(Way::Rows(name()))),
            ("/v2/models/iris-2.0_a/infer", Some(Way::Tensors(name()))),
            ("/v2/models//infer", None),
            ("/v1/models/:predict", None),
            ("/v1/models/iris:classify", None),
            ("/v1/models/iris:predict/", None),
            ("/v1/models/iris:predict:predict", None),
            ("/v1/models/iris/versions/1:predict", None),
            ("/v2/models/iris/versions/1/infer", None),
            ("/v2/models/a%2Fb/infer", None),
            ("/v2/models/iris/infer/", None),
        ];
        for (path, way) in cases {
            assert_eq!(Way::of_path(path), way, "{path}");
        }
    }
}
