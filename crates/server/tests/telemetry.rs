//! What the server says about itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use loadonce_core::ledger::{ProcessMemory, Sharing, WorkerMemory};
use loadonce_core::testing::{FakeEngine, Script};
use loadonce_core::{LoadErrorKind, Memory};
use serde_json::{Value, json};

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

/// A model with two workers, one of which nothing is known of.
fn forked() -> Memory {
    let worker =
        |slot, memory| WorkerMemory { slot, number: 7, pid: 70, memory, runs: 3, age: Duration::from_millis(2500) };
    let known = ProcessMemory { proportional_bytes: 60, private_bytes: 10, anonymous_bytes: 30 };
    Memory {
        sharing: Sharing::CopyOnWrite,
        weight_bytes: Some(90),
        shared_bytes: Some(100),
        load_peak: Some(120),
        workers: vec![worker(0, Some(known)), worker(1, None)],
        loads: 3,
        deaths: 2,
    }
}

async fn with_memory(memory: Memory) -> (FakeEngine, Served) {
    let fake = FakeEngine::new(Script { memory: Some(memory), ..Script::default() });
    (fake.clone(), Served::new([("m", fake), ("other", FakeEngine::default())]).await)
}

#[tokio::test]
async fn what_models_take_is_told_alike_everywhere() {
    let (_, served) = with_memory(forked()).await;
    let metrics = served.get("/metrics").await.body;
    for line in [
        r#"loadonce_model_copies{model="m"} 1"#,
        r#"loadonce_model_weight_bytes{model="m"} 90"#,
        r#"loadonce_model_preload{model="m",version="1"} 1"#,
        r#"loadonce_model_loads_total{model="m"} 3"#,
        r#"loadonce_model_workers{model="m",version="1"} 2"#,
        r#"loadonce_model_worker_deaths_total{model="m",version="1"} 2"#,
        r#"loadonce_model_load_peak_bytes{model="m",version="1"} 120"#,
        r#"loadonce_model_shared_bytes{model="m",version="1"} 100"#,
        r#"loadonce_model_private_bytes{model="m",version="1",worker="0"} 10"#,
    ] {
        assert!(metrics.lines().any(|got| got == line), "{line}\nin\n{metrics}");
    }
    for unknown in [r#"worker="1""#, r#"preload{model="other""#, r#"workers{model="other""#] {
        assert!(!metrics.contains(unknown), "{unknown}\nin\n{metrics}");
    }
    let report = served.get("/v2/startup").await.json();
    let worker = json!({
        "slot": 0, "number": 7, "pid": 70, "private_bytes": 10, "proportional_bytes": 60, "runs": 3, "age_seconds": 2.5,
    });
    let memory = &report["models"][0]["memory"];
    assert_eq!((&memory["sharing"], &memory["total_bytes"]), (&json!("copy_on_write"), &json!(110)));
    assert_eq!((&memory["workers"][0], &memory["workers"][1]["private_bytes"]), (&worker, &Value::Null));
    let statistics = served.get("/v2/models/m/stats").await.json();
    let usage = json!([{ "type": "CPU", "id": 0, "byte_size": 110 }]);
    assert_eq!(statistics["model_stats"][0]["memory_usage"], usage);
}

#[tokio::test]
async fn a_model_that_is_gone_takes_nothing() {
    let (_, mut served) = with_memory(forked()).await;
    served.models.running.clear();
    let report = served.get("/v2/startup").await.json();
    assert_eq!((&report["models"][0]["copies"], &report["models"][0]["memory"]), (&Value::Null, &Value::Null));
    assert!(!served.get("/metrics").await.body.contains("loadonce_model_copies"));
}

#[tokio::test]
async fn copies_of_workers_are_counted_and_explained() {
    let reason = "it was told to".to_owned();
    let (_, served) = with_memory(Memory { sharing: Sharing::EachWorker { reason }, ..forked() }).await;
    let metrics = served.get("/metrics").await.body;
    for line in [r#"loadonce_model_copies{model="m"} 2"#, r#"loadonce_model_preload{model="m",version="1"} 0"#] {
        assert!(metrics.lines().any(|got| got == line), "{line}\nin\n{metrics}");
    }
    let report = served.get("/v2/startup").await.json();
    let model = &report["models"][0];
    assert_eq!((&model["copies"], &model["memory"]["reason"]), (&json!(2), &json!("it was told to")));
}

#[tokio::test(start_paused = true)]
async fn memory_is_read_once_a_second_whoever_asks() {
    let (fake, served) = with_memory(forked()).await;
    let readings = || fake.counts().readings.load(Ordering::SeqCst);
    let of_the_load = readings();
    for path in ["/metrics", "/v2/startup", "/v2/models/stats", "/v2/models/m/stats"] {
        served.get(path).await;
    }
    assert_eq!(readings(), of_the_load + 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::join!(served.get("/metrics"), served.get("/metrics"));
    assert_eq!(readings(), of_the_load + 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_servers_own_memory_is_read_from_the_kernel() {
    let served = Served::one().await;
    let own = ProcessMemory::of(std::process::id()).unwrap().proportional_bytes;
    let report = served.get("/v2/startup").await.json();
    let told = report["memory"]["proportional_bytes"].as_u64().unwrap();
    assert!(told > own / 2 && report["memory"]["peak_bytes"].as_u64().unwrap() > told / 2, "{report}");
    let metrics = served.get("/metrics").await.body;
    assert!(metrics.contains(&format!("\nloadonce_process_proportional_bytes {told}\n")), "{metrics}");
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
