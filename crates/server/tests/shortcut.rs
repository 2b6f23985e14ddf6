//! The shortcut for predictions answers what the routes behind it would.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Response;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use tower::{Service, ServiceExt as _};

use crate::support::{Served, v2};

/// Method, path, headers and body.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

type Answer = (StatusCode, HeaderMap, Vec<u8>);

async fn ask<S>(service: S, (method, path, headers, body): Asked<'_>) -> Answer
where
    S: Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible>,
{
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = service.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    // Routes add it themselves; without them the server does.
    let length = head.headers.remove(CONTENT_LENGTH);
    assert!(length.is_none_or(|length| length == HeaderValue::from(body.len())));
    (head.status, head.headers, body.to_vec())
}

#[tokio::test]
async fn the_shortcut_answers_as_the_routes_do() {
    let served = Served::one().await;
    let routes: Router = served.api.clone().routes();
    let shortcut = served.api.clone().before(routes.clone());
    let (rows, tensors) = (r#"{"instances":[[1,2]]}"#.to_owned(), v2("[1,2]", "FP32", "[1,2]"));
    let cases: [Asked<'_>; 16] = [
        ("POST", "/v1/models/m:predict", &[], &rows),
        ("POST", "/v1/models/m:predict?query", &[], &rows),
        ("POST", "/v1/models/m:predict", &[("accept-encoding", "gzip")], &rows),
        ("POST", "/v1/models/m:predict", &[("origin", "https://example.test")], &rows),
        ("POST", "/v1/models/m:predict", &[("content-encoding", "br")], &rows),
        ("POST", "/v1/models/m:predict", &[], "{"),
        ("POST", "/v1/models/m:predict/", &[], &rows),
        ("POST", "/v1/models/%6d:predict", &[], &rows),
        ("POST", "/v1/models/none:predict", &[], &rows),
        ("POST", "/v1/models/m:explain", &[], &rows),
        ("GET", "/v1/models/m:predict", &[], ""),
        ("POST", "/v2/models/m/infer", &[], &tensors),
        ("POST", "/v2/models/m/infer", &[("inference-header-content-length", "x")], &tensors),
        ("POST", "/v2/models/m/versions/1/infer", &[], &tensors),
        ("POST", "/v2/models/none/infer", &[], &tensors),
        ("PUT", "/v2/models/m/infer", &[], &tensors),
    ];
    for case in cases {
        assert_eq!(ask(shortcut.clone(), case).await, ask(routes.clone(), case).await, "{case:?}");
    }
}
