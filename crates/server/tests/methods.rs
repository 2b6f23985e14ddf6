//! What HTTP asks besides the protocols: HEAD, OPTIONS, paths that end in a slash, pages of other origins.

use axum::Router;
use axum::body::Body;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, ORIGIN};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use loadonce_server::Origins;
use tower::ServiceExt as _;

use crate::support::{Served, v2};

#[tokio::test]
async fn a_path_may_end_in_a_slash() {
    let served = Served::one().await;
    for path in ["/v2", "/v2/models/m", "/v2/models/m/versions/1/ready", "/v1/models", "/metrics"] {
        let (plain, slashed) = (served.get(path).await, served.get(&format!("{path}/?x=1")).await);
        assert_eq!((plain.status, slashed.status), (StatusCode::OK, StatusCode::OK), "{path}");
        assert_eq!(plain.headers["content-type"], slashed.headers["content-type"], "{path}");
    }
    let answer = served.post("/v2/models/m/infer/", &v2("[1,2]", "FP32", "[1,2]")).await;
    assert_eq!(answer.json()["outputs"][0]["data"][1], 4.0);
    assert_eq!(
        served.get("/nowhere/").await.error(),
        "no such path '/nowhere'; the models and their paths are listed at /docs"
    );
    assert_eq!(served.get("/v2/models/m/infer/").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn head_is_get_without_its_body_and_options_tells_the_methods() {
    let served = Served::one().await;
    for path in ["/v2", "/v2/models/m/ready", "/metrics", "/"] {
        let head = served.send("HEAD", path, Body::empty()).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""), "{path}");
    }
    for (path, allowed) in [("/v2/models/m/infer", "POST"), ("/v2", "GET,HEAD"), ("/v1/models/m", "GET,HEAD,POST")] {
        for path in [path.to_owned(), format!("{path}/")] {
            let options = served.send("OPTIONS", &path, Body::empty()).await;
            assert_eq!(
                (options.status, options.headers[ALLOW].to_str().unwrap()),
                (StatusCode::NO_CONTENT, allowed),
                "{path}"
            );
        }
    }
    assert_eq!(served.send("OPTIONS", "/nowhere", Body::empty()).await.status, StatusCode::NOT_FOUND);
}

/// The headers of the answer to a page of that origin, which asks, or asks whether it may.
async fn asked_from(routes: &Router, method: &str, origin: &'static str) -> (StatusCode, HeaderMap) {
    let request = Request::builder().method(method).uri("/v2").header(ORIGIN, origin);
    let request = request.header("access-control-request-method", "POST").body(Body::empty()).unwrap();
    let response = routes.clone().oneshot(request).await.unwrap();
    (response.status(), response.headers().clone())
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_where_the_operator_says_so() {
    const FRIEND: &str = "https://friend.example";
    const STRANGER: &str = "https://stranger.example";
    let served = Served::one().await;
    let these = Origins::These(vec![HeaderValue::from_static(FRIEND)]);
    for (origins, friend, stranger) in
        [(Origins::Own, None, None), (Origins::Any, Some("*"), Some("*")), (these, Some(FRIEND), None)]
    {
        let routes = origins.allow(served.router.clone());
        for (origin, expected) in [(FRIEND, friend), (STRANGER, stranger)] {
            for method in ["GET", "OPTIONS"] {
                let (_, headers) = asked_from(&routes, method, origin).await;
                let allowed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap());
                assert_eq!(allowed, expected, "{method} from {origin}");
            }
        }
    }
    let (status, headers) = asked_from(&Origins::Any.allow(served.router.clone()), "OPTIONS", FRIEND).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["access-control-allow-methods"], "GET,HEAD,POST");
}
