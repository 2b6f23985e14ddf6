//! Triton's extensions about models: configuration, statistics, index.

use http::StatusCode;
use loadonce_core::LoadErrorKind;
use loadonce_core::testing::{FakeEngine, Script};
use serde_json::json;

use crate::support::{Served, v2};

#[tokio::test]
async fn the_configuration_has_what_tools_ask_for() {
    let served = Served::one().await;
    let config = served.get("/v2/models/m/config").await.json();
    assert_eq!((&config["name"], &config["max_batch_size"]), (&json!("m"), &json!(0)));
    assert_eq!(config["input"], json!([{ "name": "x", "data_type": "TYPE_FP32", "dims": [-1, 2] }]));
    assert_eq!(config["output"], json!([{ "name": "y", "data_type": "TYPE_FP32", "dims": [-1, 2] }]));
    assert_eq!(config["model_transaction_policy"], json!({ "decoupled": false }));
    assert_eq!(config, served.get("/v2/models/m/versions/1/config").await.json());
    assert_eq!(served.get("/v2/models/other/config").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn statistics_count_answers_and_failures() {
    let served = Served::one().await;
    let right = v2("[3,2]", "FP32", "[1,2,3,4,5,6]");
    for _ in 0..2 {
        assert_eq!(served.post("/v2/models/m/infer", &right).await.status, StatusCode::OK);
    }
    assert_eq!(served.post("/v2/models/m/infer", "{}").await.status, StatusCode::BAD_REQUEST);
    let statistics = served.get("/v2/models/m/stats").await.json();
    let model = &statistics["model_stats"][0];
    assert_eq!((&model["name"], &model["version"]), (&json!("m"), &json!("1")));
    assert_eq!((&model["inference_count"], &model["execution_count"]), (&json!(6), &json!(2)));
    let inference = &model["inference_stats"];
    assert_eq!((&inference["success"]["count"], &inference["fail"]["count"]), (&json!(2), &json!(1)));
    assert_eq!(model["batch_stats"][0]["batch_size"], 3);
    assert_eq!(model["memory_usage"][0]["type"], "CPU");
    for path in ["/v2/models/stats", "/v2/models/m/versions/1/stats"] {
        assert_eq!(served.get(path).await.json()["model_stats"][0]["inference_count"], 6, "{path}");
    }
}

#[tokio::test]
async fn the_index_lists_models_that_answer_and_those_that_do_not() {
    let broken = Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() };
    let served = Served::new([("a", FakeEngine::default()), ("b", FakeEngine::new(broken))]).await;
    let ready = json!({ "name": "a", "version": "1", "state": "READY", "reason": "" });
    for body in ["", "{}", r#"{"ready":false}"#] {
        let index = served.post("/v2/repository/index", body).await.json();
        assert_eq!((index.as_array().unwrap().len(), &index[0]), (2, &ready), "{body}");
        assert_eq!(index[1]["state"], "UNAVAILABLE");
        assert!(index[1]["reason"].as_str().unwrap().contains("model 'b'"), "{index}");
    }
    assert_eq!(served.post("/v2/repository/index", r#"{"ready":true}"#).await.json(), json!([ready]));
    assert_eq!(served.post("/v2/repository/index", "[]").await.status, StatusCode::BAD_REQUEST);
}
