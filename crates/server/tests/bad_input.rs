//! Wrong requests: each gets a clear JSON error with the right status, and the model goes on.

use http::StatusCode;
use loadonce_core::testing::{TRIGGER_FAIL, TRIGGER_PANIC};

use crate::support::{BODY_LIMIT, Served, v2};

/// Sends a body to v2 and v1 predict paths by its first key.
async fn refusal(served: &Served, body: &str) -> (u16, String) {
    let path = if body.contains("instances") { "/v1/models/m:predict" } else { "/v2/models/m/infer" };
    let answer = served.post(path, body).await;
    (answer.status.as_u16(), answer.error())
}

#[tokio::test]
async fn every_mistake_is_a_400_that_names_the_field() {
    let served = Served::one().await;
    let cases = [
        (String::new(), "the body: is empty"),
        ("{\"inputs\":".to_owned(), "the body is not valid JSON"),
        ("null".to_owned(), "the body"),
        ("[1,2]".to_owned(), "the body: expected a JSON object, got an array"),
        ("{}".to_owned(), "missing field `inputs`"),
        (r#"{"inputs":[]}"#.to_owned(), "input 'x' is missing, expected FP32 [batch,2]"),
        (r#"{"inputs":[{"name":"x"}]}"#.to_owned(), "missing field `shape`"),
        (v2("[1,2]", "FP32", "[1,\"two\"]"), "inputs[0].data[1]: expected FP32, got \"two\""),
        (v2("[1,2]", "FP32", "[1,NaN]"), "the body is not valid JSON"),
        (v2("[1,2]", "FP32", "[1,null]"), "inputs[0].data[1]: expected FP32, got null"),
        (v2("[1,2]", "FP32", "[1,1e39]"), "inputs[0].data[1]: expected FP32, got 1e39"),
        (v2("[1,2]", "FP32", "[[1],[2,3]]"), "inputs[0].data[1]: expected 1 elements as in the array before, got 2"),
        (v2("[1,2]", "FP32", "[1,2,3]"), "inputs[0].data: shape [1,2] holds 2 elements, got 3"),
        (v2("[2,1]", "FP32", "[1,2]"), "input 'x' has shape [2,1], expected FP32 [batch,2]"),
        (v2("[2]", "FP32", "[1,2]"), "input 'x' has shape [2], expected FP32 [batch,2]"),
        (v2("[-1,2]", "FP32", "[1,2]"), "inputs[0].shape[0]: expected a length of 0 or more, got -1"),
        (v2("[1.5,2]", "FP32", "[1,2]"), "inputs[0].shape[0]: expected a length of 0 or more, got 1.5"),
        (v2("[1,2]", "FP64", "[1,2]"), "input 'x' has datatype FP64, expected FP32"),
        (v2("[1,2]", "float32", "[1,2]"), "inputs[0].datatype: unknown datatype 'float32'"),
        (v2("[1,2]", "INT32", "[1,1099511627776]"), "inputs[0].data[1]: expected INT32, got 1099511627776"),
        (v2("[1,2]", "UINT8", "[1,300]"), "inputs[0].data[1]: expected UINT8, got 300"),
        (v2("[1,2]", "INT64", "[1,1.5]"), "inputs[0].data[1]: expected INT64, got 1.5"),
        (
            v2("[1,2]", "FP32", "[1,2]").replace("\"x\"", "\"z\""),
            "input 'z' is not an input of this model, expected 'x'",
        ),
        (twice(), "input 'x' is given twice"),
        (
            v2("[1,2]", "FP32", "[1,2]").replace("{\"inputs", "{\"outputs\":[{\"name\":\"q\"}],\"inputs"),
            "output 'q' is not an output of this model, expected 'y'",
        ),
        (format!("{{\"inputs\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000)), "inputs"),
        (r#"{"instances":[]}"#.to_owned(), "instances: is empty"),
        (r#"{"instances":7}"#.to_owned(), "instances: invalid type: integer `7`"),
        (r#"{"instances":[{"length":1}]}"#.to_owned(), "instances[0]: column 'width' is missing"),
        (r#"{"instances":[{"length":1,"width":2,"depth":3}]}"#.to_owned(), "instances[0]: column 'depth' is unknown"),
        (r#"{"instances":[[1,2],[3]]}"#.to_owned(), "instances[1]: expected 2 elements as in the array before, got 1"),
        (r#"{"instances":[[1,true]]}"#.to_owned(), "instances[0][1]: expected FP32, got true"),
    ];
    for (body, expected) in cases {
        let shown: String = body.chars().take(120).collect();
        let (status, error) = refusal(&served, &body).await;
        assert_eq!(status, 400, "{shown}: {error}");
        assert!(error.contains(expected), "{shown}\n  got      {error}\n  expected {expected}");
    }
    let good = served.post("/v2/models/m/infer", &v2("[1,2]", "FP32", "[1,2]")).await;
    assert_eq!(good.status, StatusCode::OK);
}

fn twice() -> String {
    let input = r#"{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}"#;
    format!("{{\"inputs\":[{input},{input}]}}")
}

#[tokio::test]
async fn empty_tensors_are_answered() {
    let served = Served::one().await;
    let answer = served.post("/v2/models/m/infer", &v2("[0,2]", "FP32", "[]")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["outputs"][0]["data"], serde_json::json!([]));
}

#[tokio::test]
async fn a_large_body_is_refused_by_its_header_before_any_of_it_is_read() {
    let served = Served::one().await;
    let request = http::Request::post("/v2/models/m/infer").header("content-length", BODY_LIMIT + 1);
    let never = futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>();
    let body = axum::body::Body::new(http_body_util::StreamBody::new(never));
    let answer = served.exchange(request.body(body).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.error().contains("1048577 bytes is larger than the limit of 1048576 bytes"), "{}", answer.body);
}

#[tokio::test]
async fn a_large_body_without_a_length_is_refused_at_the_limit() {
    let served = Served::one().await;
    let body = " ".repeat(BODY_LIMIT + 1);
    let chunks = http_body_util::StreamBody::new(tokio_stream(body));
    let chunked = served.send("POST", "/v1/models/m:predict", axum::body::Body::new(chunks)).await;
    assert_eq!(chunked.status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// A body without a known length.
fn tokio_stream(
    body: String,
) -> impl futures_core::Stream<Item = Result<http_body::Frame<bytes::Bytes>, std::io::Error>> {
    let mut parts = vec![bytes::Bytes::from(body)];
    futures_util::stream::poll_fn(move |_| {
        std::task::Poll::Ready(parts.pop().map(|part| Ok(http_body::Frame::data(part))))
    })
}

#[tokio::test]
async fn unknown_names_and_methods_have_their_status() {
    let served = Served::one().await;
    let body = v2("[1,2]", "FP32", "[1,2]");
    let cases = [
        ("POST", "/v2/models/none/infer", 404, "model 'none' is unknown; served are m"),
        ("POST", "/v2/models/m/versions/9/infer", 404, "model 'm' has no version '9'; version '1' is served"),
        ("GET", "/v2/models/none", 404, "model 'none' is unknown"),
        ("GET", "/v2/models/none/ready", 404, "model 'none' is unknown"),
        ("GET", "/v1/models/none", 404, "model 'none' is unknown"),
        ("POST", "/v1/models/none:predict", 404, "model 'none' is unknown"),
        ("POST", "/v1/models/m:explain", 404, "':explain' is not supported, expected POST /v1/models/m:predict"),
        ("POST", "/v1/models/m", 404, "expected POST /v1/models/m:predict"),
        ("GET", "/nowhere", 404, "no such path '/nowhere'"),
        ("GET", "/v2/models/m/infer", 405, "GET is not allowed on '/v2/models/m/infer'"),
        ("DELETE", "/v1/models/m", 405, "DELETE is not allowed"),
        ("POST", "/metrics", 405, "POST is not allowed"),
        ("PUT", "/", 405, "PUT is not allowed"),
    ];
    for (method, path, status, text) in cases {
        let answer = served.send(method, path, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        assert!(answer.error().contains(text), "{method} {path}: {}", answer.body);
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_models_failure_is_a_500_and_the_next_request_is_answered() {
    let served = Served::one().await;
    for (trigger, text) in [(TRIGGER_FAIL, "the model failed: as it was told"), (TRIGGER_PANIC, "the model panicked")] {
        let answer = served.post("/v2/models/m/infer", &v2("[1,2]", "FP32", &format!("[{trigger},0]"))).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.error().contains(text), "{}", answer.body);
        let next = served.post("/v2/models/m/infer", &v2("[1,2]", "FP32", "[1,2]")).await;
        assert_eq!(next.status, StatusCode::OK);
    }
}
