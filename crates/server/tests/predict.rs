//! Right requests: paths, versions, formats, metadata.

use http::StatusCode;
use loadonce_core::LoadErrorKind;
use loadonce_core::testing::{FakeEngine, Script};
use serde_json::json;

use crate::support::{Served, v2};

#[tokio::test]
async fn v2_answers_with_and_without_a_version() {
    let served = Served::one().await;
    let body = v2("[2,2]", "FP32", "[[1,2],[3,4]]");
    for path in ["/v2/models/m/infer", "/v2/models/m/versions/1/infer"] {
        let answer = served.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::OK);
        let outputs = json!([{ "name": "y", "datatype": "FP32", "shape": [2, 2], "data": [2.0, 4.0, 6.0, 8.0] }]);
        assert_eq!(answer.json(), json!({ "model_name": "m", "model_version": "1", "outputs": outputs }));
    }
}

#[tokio::test]
async fn v2_echoes_the_id_and_selects_outputs() {
    let served = Served::one().await;
    let body =
        r#"{"id":"42","outputs":[{"name":"y"}],"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#;
    assert_eq!(served.post("/v2/models/m/infer", body).await.json()["id"], "42");
}

#[tokio::test]
async fn v1_answers_rows_named_rows_and_columns() {
    let served = Served::one().await;
    let cases = [
        (r#"{"instances":[[1,2]]}"#, r#"{"predictions":[[2.0,4.0]]}"#),
        (r#"{"instances":[{"width":2,"length":1}]}"#, r#"{"predictions":[[2.0,4.0]]}"#),
        (r#"{"inputs":[[1,2]]}"#, r#"{"outputs":[[2.0,4.0]]}"#),
        (r#"{"inputs":{"x":[[1,2]]}}"#, r#"{"outputs":[[2.0,4.0]]}"#),
    ];
    for (body, expected) in cases {
        for path in ["/v1/models/m:predict", "/v1/models/m/versions/1:predict"] {
            assert_eq!(served.post(path, body).await.body, expected, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn a_large_body_is_answered_like_a_small_one() {
    let served = Served::one().await;
    let rows = 40_000;
    let data = vec!["1.25"; rows * 2].join(",");
    let answer = served.post("/v2/models/m/infer", &v2(&format!("[{rows},2]"), "FP32", &format!("[{data}]"))).await;
    assert_eq!(answer.json()["outputs"][0]["shape"], json!([rows, 2]));
}

#[tokio::test]
async fn nan_and_infinity_travel_as_strings() {
    let served = Served::one().await;
    let answer = served.post("/v2/models/m/infer", &v2("[1,2]", "FP32", r#"["NaN","-Infinity"]"#)).await;
    assert_eq!(answer.json()["outputs"][0]["data"], json!(["NaN", "-Infinity"]));
}

#[tokio::test]
async fn metadata_tells_the_signature() {
    let served = Served::one().await;
    let metadata = served.get("/v2").await.json();
    let extensions = json!(["binary_tensor_data", "classification", "model_configuration", "parameters", "statistics"]);
    assert_eq!((&metadata["name"], &metadata["extensions"]), (&json!("loadonce"), &extensions));
    let model = json!({
        "name": "m",
        "versions": ["1"],
        "platform": "loadonce_fake",
        "inputs": [{ "name": "x", "datatype": "FP32", "shape": [-1, 2], "columns": ["length", "width"] }],
        "outputs": [{ "name": "y", "datatype": "FP32", "shape": [-1, 2] }],
    });
    assert_eq!(served.get("/v2/models/m").await.json(), model);
    assert_eq!(served.get("/v2/models/m/versions/1").await.json(), model);
}

#[tokio::test]
async fn a_failed_model_is_known_but_unavailable() {
    let failing = FakeEngine::new(Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() });
    let served = Served::new([("bad", failing), ("good", FakeEngine::default())]).await;
    let good = served.get("/v2/models/good/ready").await;
    assert_eq!((good.status, good.json()), (StatusCode::OK, json!({ "name": "good", "ready": true })));
    let bad = served.get("/v2/models/bad/ready").await;
    assert_eq!(bad.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bad.json()["ready"], false);
    for (method, path) in
        [("POST", "/v2/models/bad/infer"), ("POST", "/v1/models/bad:predict"), ("GET", "/v2/models/bad")]
    {
        let answer = served.send(method, path, "{}").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(answer.error().contains("the fake engine fails as it was told"), "{}", answer.body);
    }
    let status = served.get("/v1/models/bad").await.json();
    assert_eq!((&status["ready"], &status["model_version_status"][0]["state"]), (&json!(false), &json!("END")));
    assert_eq!(served.get("/v1/models").await.json(), json!({ "models": ["bad", "good"] }));
}

#[tokio::test]
async fn who_asks_is_told_what_became_of_the_request() {
    let served = Served::one().await;
    let told = async |builder: http::request::Builder| {
        let body = axum::body::Body::from(v2("[1,2]", "FP32", "[1,2]"));
        served.exchange(builder.method("POST").uri("/v2/models/m/infer").body(body).unwrap()).await.headers
    };
    let headers = told(http::Request::builder().header("loadonce-explain", "1")).await;
    assert_eq!(headers["loadonce-batch"], "1");
    for name in ["loadonce-queue-us", "loadonce-run-us"] {
        assert!(headers[name].to_str().unwrap().parse::<u64>().is_ok(), "{headers:?}");
    }
    assert!(told(http::Request::builder()).await.keys().all(|name| !name.as_str().starts_with("loadonce-")));
}

#[tokio::test]
async fn a_response_brings_what_is_known_of_its_prediction() {
    let served = Served::one().await;
    let known = async |path: &str, body: String| {
        let request = http::Request::post(path).body(axum::body::Body::from(body)).unwrap();
        let response = tower::ServiceExt::oneshot(served.router.clone(), request).await.unwrap();
        let prediction = response.extensions().get::<loadonce_server::Prediction>();
        prediction.map(|it| (it.model.name().to_owned(), it.model.version().to_owned(), it.timing.is_some()))
    };
    let named = |has_run| Some(("m".to_owned(), "1".to_owned(), has_run));
    assert_eq!(known("/v2/models/m/infer", v2("[1,2]", "FP32", "[1,2]")).await, named(true));
    assert_eq!(known("/v2/models/m/infer", "nonsense".to_owned()).await, named(false));
    assert_eq!(known("/v2/models/none/infer", v2("[1,2]", "FP32", "[1,2]")).await, None);
}
