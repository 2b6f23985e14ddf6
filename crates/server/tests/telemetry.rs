//! What the server says about itself.

use axum::body::Body;
use http::Request;
use loadonce_core::LoadErrorKind;
use loadonce_core::testing::{FakeEngine, Script};
use serde_json::json;

use crate::support::{Served, v2};

#[tokio::test]
async fn the_startup_report_counts_one_load_a_model() {
    let served = Served::new([("a", FakeEngine::default()), ("b", FakeEngine::default())]).await;
    let report = served.get("/v2/startup").await.json();
    assert_eq!((&report["ready"], &report["phase"]), (&json!(true), &json!("ready")));
    for model in report["models"].as_array().unwrap() {
        assert_eq!((&model["loads"], &model["copies"], &model["engine"]), (&json!(1), &json!(1), &json!("fake")));
        assert_eq!(model["engine_reason"], "the test says so");
        assert!(model["milliseconds"].is_number());
        let stages: Vec<_> = model["stages"].as_array().unwrap().iter().map(|stage| stage["name"].clone()).collect();
        assert_eq!(stages, ["declared", "loading", "warming_up", "testing"]);
    }
}

#[tokio::test]
async fn metrics_count_requests_loads_and_states() {
    let failing = FakeEngine::new(Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() });
    let served = Served::new([("bad", failing), ("m", FakeEngine::default())]).await;
    served.post("/v2/models/m/infer", &v2("[1,2]", "FP32", "[1,2]")).await;
    served.post("/v2/models/m/infer", "{").await;
    served.post("/v1/models/bad:predict", "{}").await;
    for name in 0..3 {
        served.post(&format!("/v1/models/strange-{name}:predict"), "{}").await;
    }
    let request = Request::get("/metrics").header("accept", "application/openmetrics-text; version=1.0.0");
    let answer = served.exchange(request.body(Body::empty()).unwrap()).await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    for line in [
        r#"loadonce_requests_total{model="m",version="1",protocol="v2",outcome="ok"} 1"#,
        r#"loadonce_requests_total{model="m",version="1",protocol="v2",outcome="invalid_request"} 1"#,
        r#"loadonce_requests_total{model="bad",version="1",protocol="v1",outcome="unavailable"} 1"#,
        r#"loadonce_requests_total{model="unknown",version="",protocol="v1",outcome="not_found"} 3"#,
        r#"loadonce_request_duration_seconds_count{model="m",version="1"} 2"#,
        r#"loadonce_request_duration_seconds_bucket{le="+Inf",model="m",version="1"} 2"#,
        r#"loadonce_queue_duration_seconds_count{model="m",version="1"} 1"#,
        r#"loadonce_run_duration_seconds_count{model="m",version="1"} 1"#,
        r#"loadonce_run_rows_bucket{le="1.0",model="m",version="1"} 1"#,
        r#"loadonce_run_requests_sum{model="m",version="1"} 1.0"#,
        r#"loadonce_direct_runs_total{model="m",version="1"} 0"#,
        r#"loadonce_model_loads_total{model="m"} 1"#,
        r#"loadonce_model_copies{model="m"} 1"#,
        r#"loadonce_model_state{model="m",version="1",state="ready"} 1"#,
        r#"loadonce_model_state{model="m",version="1",state="failed"} 0"#,
        r#"loadonce_model_state{model="bad",version="1",state="failed"} 1"#,
        r#"loadonce_queue_depth{model="m",version="1"} 0"#,
        r#"loadonce_in_flight{model="m",version="1"} 0"#,
        "loadonce_ready 1",
        "# EOF",
    ] {
        assert!(answer.body.lines().any(|got| got == line), "{line}\nin\n{}", answer.body);
    }
}

#[tokio::test]
async fn metrics_are_plain_text_unless_more_is_asked_for() {
    let served = Served::one().await;
    let answer = served.get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in ["# TYPE loadonce_model_loads_total counter", r#"loadonce_model_loads_total{model="m"} 1"#] {
        assert!(answer.body.lines().any(|got| got == line), "{line}\nin\n{}", answer.body);
    }
}

#[tokio::test]
async fn readiness_follows_a_model_that_fails_later() {
    let served = Served::one().await;
    assert!(served.board.view().readiness().is_ready());
    drop(served.models);
    assert!(!served.board.view().readiness().is_ready());
}
