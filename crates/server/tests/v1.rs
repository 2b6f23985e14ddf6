//! TensorFlow Serving's v1 as its `api_rest.md` has it: golden requests with their answers.

use loadonce_core::testing::FakeEngine;
use loadonce_core::{FillValue, ModelSpec};
use serde_json::json;

use crate::support::{Served, spec};

/// A fake whose scores have names, and which takes 0.5 for a missing value.
fn classifier() -> ModelSpec {
    let mut spec = spec("c");
    spec.labels.insert("y".to_owned(), vec!["no".to_owned(), "yes".to_owned()]);
    spec.missing.insert("x".to_owned(), FillValue::Float(0.5));
    spec
}

#[tokio::test]
async fn every_form_of_a_request_has_its_answer() {
    let served = Served::of([(spec("m"), FakeEngine::default()), (classifier(), FakeEngine::default())]).await;
    let cases = [
        ("/v1/models/m:predict", r#"{"instances":[[1,2]]}"#, r#"{"predictions":[[2.0,4.0]]}"#),
        (
            "/v1/models/m:predict",
            r#"{"signature_name":"serving_default","instances":[{"x":[1,2]},{"x":[3,4]}]}"#,
            r#"{"predictions":[[2.0,4.0],[6.0,8.0]]}"#,
        ),
        ("/v1/models/m/versions/1:predict", r#"{"inputs":{"x":[[1,2]]}}"#, r#"{"outputs":[[2.0,4.0]]}"#),
        (
            "/v1/models/m:predict",
            r#"{"dataframe_split":{"columns":["width","length"],"data":[[2,1]]}}"#,
            r#"{"predictions":[[2.0,4.0]]}"#,
        ),
        ("/v1/models/m:predict", r#"{"dataframe_records":[{"width":2,"length":1}]}"#, r#"{"predictions":[[2.0,4.0]]}"#),
        ("/v1/models/c:predict", r#"{"instances":[{"width":2}]}"#, r#"{"predictions":[[1.0,4.0]]}"#),
        ("/v1/models/c:predict", r#"{"instances":[[1,null]]}"#, r#"{"predictions":[[2.0,1.0]]}"#),
        (
            "/v1/models/c:classify",
            r#"{"signature_name":"s","context":{"width":[2.0]},"examples":[{"length":1},{"length":[3]}]}"#,
            r#"{"results":[[["no",2.0],["yes",4.0]],[["no",6.0],["yes",4.0]]]}"#,
        ),
        ("/v1/models/c:classify", r#"{"examples":[{"x":[1,2]}]}"#, r#"{"results":[[["no",2.0],["yes",4.0]]]}"#),
        ("/v1/models/c/versions/1:classify", r#"{"examples":[{}]}"#, r#"{"results":[[["no",1.0],["yes",1.0]]]}"#),
    ];
    for (path, body, expected) in cases {
        let answer = served.post(path, body).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, expected), "{path} {body}");
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let served = Served::of([(spec("m"), FakeEngine::default()), (classifier(), FakeEngine::default())]).await;
    let outputs = "it has 'y' FP32 [batch,2]";
    let cases = [
        ("/v1/models/m:classify", r#"{"examples":[{}]}"#, 400, ":classify: this model is no classifier: expected"),
        ("/v1/models/m:regress", r#"{"examples":[{}]}"#, 400, outputs),
        ("/v1/models/c:regress", r#"{"examples":[{}]}"#, 400, ":regress: this model is no regressor: expected"),
        ("/v1/models/c:classify", r#"{"instances":[[1,2]]}"#, 400, "missing field `examples`"),
        ("/v1/models/c:classify", r#"{"examples":[]}"#, 400, "examples: is empty, expected at least one example"),
        ("/v1/models/c:classify", r#"{"examples":[[1,2]]}"#, 400, "examples[0]: expected an object of features"),
        (
            "/v1/models/c:classify",
            r#"{"context":{"width":1},"examples":[{"width":2}]}"#,
            400,
            "examples[0]: column 'width' is given twice",
        ),
        (
            "/v1/models/c:classify",
            r#"{"examples":[{"width":[1,2]}]}"#,
            400,
            "examples[0].width: expected FP32, got an array",
        ),
        ("/v1/models/m:explain", "{}", 404, "':explain' is not supported, expected POST /v1/models/m:predict"),
        ("/v1/models/m/labels/stable:predict", "{}", 404, "versions have no labels here; model 'm' serves version '1'"),
        ("/v1/models/none/labels/stable:predict", "{}", 404, "model 'none' is unknown"),
        ("/v1/models/m/versions/2:predict", "{}", 404, "model 'm' has no version '2'"),
    ];
    for (path, body, status, expected) in cases {
        let answer = served.post(path, body).await;
        let error = answer.error();
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {error}");
        assert!(error.contains(expected), "{path} {body}\n  got      {error}\n  expected {expected}");
    }
}

#[tokio::test]
async fn metadata_is_the_signature_as_tensorflow_serving_tells_it() {
    let served = Served::one().await;
    let shape = json!({
        "dim": [{ "size": "-1", "name": "batch" }, { "size": "2", "name": "" }],
        "unknown_rank": false,
    });
    let signature = json!({
        "inputs": { "x": { "dtype": "DT_FLOAT", "tensor_shape": shape, "name": "x" } },
        "outputs": { "y": { "dtype": "DT_FLOAT", "tensor_shape": shape, "name": "y" } },
        "method_name": "tensorflow/serving/predict",
    });
    let expected = json!({
        "model_spec": { "name": "m", "signature_name": "", "version": "1" },
        "metadata": { "signature_def": { "signature_def": { "serving_default": signature } } },
    });
    for path in ["/v1/models/m/metadata", "/v1/models/m/versions/1/metadata"] {
        assert_eq!(served.get(path).await.json(), expected, "{path}");
    }
    for path in ["/v1/models/none/metadata", "/v1/models/m/versions/2/metadata", "/v1/models/m/labels/stable/metadata"]
    {
        assert_eq!(served.get(path).await.status.as_u16(), 404, "{path}");
    }
}
