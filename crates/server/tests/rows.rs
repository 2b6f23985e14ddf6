//! Models whose rows are JSON, over every protocol.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::testing::{FakeEngine, Script};
use loadonce_core::{Batching, InferRequest, ModelSpec, NamedTensor, Shape, Tensor};
use loadonce_server::wire::grpc::proto::model_infer_request::InferInputTensor;
use loadonce_server::wire::grpc::proto::{InferTensorContents, ModelInferRequest};
use serde_json::{Value, json};
use tonic::Code;

use crate::rpc::{infer, input};
use crate::support::{Answer, Served};

const PREDICT: &str = "/v1/models/m:predict";
const INFER: &str = "/v2/models/m/infer";

fn fake() -> FakeEngine {
    FakeEngine::new(Script { rows: true, ..Script::default() })
}

/// A fake, `m`, which answers each row with an array of it.
async fn served() -> Served {
    Served::of([(ModelSpec::new("m", ""), fake())]).await
}

/// A v2 request of rows.
fn v2(rows: &[&str]) -> String {
    let tensor = json!({ "name": "rows", "datatype": "BYTES", "shape": [rows.len()], "data": rows });
    json!({ "inputs": [tensor] }).to_string()
}

/// A gRPC request of rows.
fn message(rows: &[&str]) -> ModelInferRequest {
    let bytes_contents = rows.iter().map(|&row| row.to_owned().into()).collect();
    let contents = InferTensorContents { bytes_contents, ..InferTensorContents::default() };
    let count = i64::try_from(rows.len()).unwrap();
    let rows = InferInputTensor { contents: Some(contents), ..input("rows", "BYTES", &[count]) };
    ModelInferRequest { model_name: "m".to_owned(), inputs: vec![rows], ..ModelInferRequest::default() }
}

/// Status, text, and details as pairs.
fn refused(answer: &Answer) -> (StatusCode, String, Vec<(String, String)>) {
    let details = answer.json()["details"].as_array().cloned().unwrap_or_default();
    let text = |detail: &Value, key: &str| detail[key].as_str().unwrap().to_owned();
    let details = details.iter().map(|detail| (text(detail, "path"), text(detail, "message")));
    (answer.status, answer.json()["error"].as_str().unwrap().to_owned(), details.collect())
}

#[tokio::test]
async fn rows_go_in_and_come_out_as_they_are() {
    let served = served().await;
    let cases = [
        (
            r#"{"instances":[{"a": 1.50, "b":[ ]}, "x", null]}"#,
            r#"{"predictions":[[{"a": 1.50, "b":[ ]}],["x"],[null]]}"#,
        ),
        (r#"{"instances":[[1,2],[[3]],{"b64":"/w=="}]}"#, r#"{"predictions":[[[1,2]],[[[3]]],[{"b64":"/w=="}]]}"#),
        (
            r#"{"dataframe_records":[{"a":1e400},{"b":"\u00e9"}]}"#,
            r#"{"predictions":[[{"a":1e400}],[{"b":"\u00e9"}]]}"#,
        ),
        (r#"{"inputs":[{"a":1}, 2]}"#, r#"{"outputs":[[{"a":1}],[2]]}"#),
        (
            r#"{"dataframe_split":{"index":[0,1],"columns":["a","\"b\"",7],"data":[[1.0,null,[2]],["x",{"c":1},true]]}}"#,
            r#"{"predictions":[[{"a":1.0,"\"b\"":null,"7":[2]}],[{"a":"x","\"b\"":{"c":1},"7":true}]]}"#,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(served.post(PREDICT, body).await.body, expected, "{body}");
    }
}

#[tokio::test]
async fn other_protocols_have_the_texts_of_rows() {
    let served = served().await;
    let answer = served.post(INFER, &v2(&[r#"{"a": 1}"#, "2"])).await.json();
    let outputs = &answer["outputs"][0];
    assert_eq!(outputs["data"], json!([r#"[{"a": 1}]"#, "[2]"]));
    assert_eq!((&outputs["datatype"], &outputs["shape"]), (&json!("BYTES"), &json!([2])));
    let answer = infer(&served.router, message(&[r#"{"a": 1}"#, "2"])).await.unwrap();
    assert_eq!(answer.outputs[0].contents.as_ref().unwrap().bytes_contents, [r#"[{"a": 1}]"#, "[2]"]);
    let mut raw = message(&["2"]);
    raw.inputs[0].contents = None;
    raw.raw_input_contents = vec![b"\x01\0\0\x002".to_vec().into()];
    let answer = infer(&served.router, raw).await.unwrap();
    assert_eq!(answer.raw_output_contents, [&b"\x03\0\0\0[2]"[..]]);
}

#[tokio::test]
async fn a_refused_row_is_named_as_its_caller_has_it() {
    let served = served().await;
    let wrong = r#"{"refuse":1}"#;
    let cases = [
        (format!(r#"{{"instances":[1,{wrong},{wrong}]}}"#), "instances"),
        (format!(r#"{{"inputs":[1,{wrong},{wrong}]}}"#), "inputs"),
        (format!(r#"{{"dataframe_records":[1,{wrong},{wrong}]}}"#), "dataframe_records"),
        (r#"{"dataframe_split":{"columns":["refuse"],"data":[[1],[2]]}}"#.to_owned(), "dataframe_split.data"),
    ];
    for (body, field) in cases {
        let first = usize::from(field != "dataframe_split.data");
        let details = [first, first + 1].map(|row| (format!("{field}[{row}].refuse"), "as it was told".to_owned()));
        let text = format!("{field}[{first}].refuse: as it was told; and 1 more");
        let got = refused(&served.post(PREDICT, &body).await);
        assert_eq!(got, (StatusCode::UNPROCESSABLE_ENTITY, text, details.to_vec()), "{body}");
    }
    let (status, text, details) = refused(&served.post(INFER, &v2(&["1", wrong])).await);
    assert_eq!((status, text.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "inputs[0].data[1].refuse: as it was told"));
    assert_eq!(details[0].0, "inputs[0].data[1].refuse");
    let status = infer(&served.router, message(&[wrong])).await.unwrap_err();
    let text = "inputs[0].contents.bytes_contents[0].refuse: as it was told";
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, text));
    let metrics = served.get("/metrics").await.body;
    let line = r#"loadonce_requests_total{model="m",version="1",protocol="v1",outcome="invalid_rows"} 4"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn what_is_no_row_of_json_never_reaches_the_model() {
    let served = served().await;
    let cases = [
        (r#"{"instances":[{"a":1},{"a":}]}"#, "the body is not valid JSON: expected value at line 1 column 28"),
        (r#"{"instances":[NaN]}"#, "the body is not valid JSON: expected value at line 1 column 15"),
        (r#"{"instances":[]}"#, "instances: is empty, expected at least one row"),
        (r#"{"inputs":[]}"#, "inputs: is empty, expected at least one row"),
        (r#"{"inputs":{"rows":[1]}}"#, r#"inputs: expected a list of rows, got {"rows":[1]}"#),
        (
            r#"{"dataframe_split":{"columns":["a"],"data":[]}}"#,
            "dataframe_split.data: is empty, expected at least one row",
        ),
        (
            r#"{"dataframe_split":{"columns":["a"],"data":[[1,2]]}}"#,
            "dataframe_split.data[0]: expected 1 values, got 2",
        ),
        (
            r#"{"dataframe_split":{"columns":["a","a"],"data":[[1,2]]}}"#,
            "dataframe_split.columns: column 'a' is given twice",
        ),
    ];
    for (body, expected) in cases {
        let answer = served.post(PREDICT, body).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::BAD_REQUEST, expected), "{body}");
    }
    let texts =
        [("", "EOF while parsing a value"), ("{\"a\":", "EOF while parsing a value"), ("1 2", "trailing characters")];
    for (text, expected) in texts {
        let answer = served.post(INFER, &v2(&["1", text])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{text}");
        let start =
            format!("inputs[0].data[1]: expected the text of a JSON value, got {}: {expected} at line 1", json!(text));
        assert!(answer.error().starts_with(&start), "{answer:?}");
        let status = infer(&served.router, message(&["1", text])).await.unwrap_err();
        assert_eq!(status.message(), answer.error().replace(".data", ".contents.bytes_contents"));
    }
}

#[tokio::test]
async fn what_a_model_answers_is_checked() {
    let served = served().await;
    for (row, expected) in [
        (r#"{"lose":1}"#, "the model returned 1 rows of output 'predictions' for 2 rows of input"),
        (r#"{"garble":1}"#, "the model returned for output 'predictions' at [1] what is no JSON: expected value"),
    ] {
        let answer = served.post(PREDICT, &format!(r#"{{"instances":[1,{row}]}}"#)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.error().starts_with(expected), "{answer:?}");
    }
}

#[tokio::test]
async fn csv_has_no_rows_of_json() {
    let served = served().await;
    let request = Request::post("/invocations").header("content-type", "text/csv").body(Body::from("1,2"));
    let answer = served.exchange(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().starts_with("the body: is CSV, but this model takes rows of JSON: send"), "{answer:?}");
    let answer = served.post("/invocations", r#"{"instances":[{"a":1}]}"#).await;
    assert_eq!(answer.body, r#"{"predictions":[[{"a":1}]]}"#);
}

fn sample(row: &str) -> Sample {
    let rows = Tensor::from_strings(Shape::new([1]), vec![row.to_owned()]).unwrap();
    let inputs = vec![NamedTensor { name: "rows".to_owned(), tensor: rows }];
    let request = InferRequest { inputs, ..InferRequest::default() };
    Sample { name: row.to_owned(), request, expected: None, tolerance: Tolerance::default() }
}

#[tokio::test]
async fn rows_of_two_requests_share_a_run() {
    let fake = fake();
    let batching = Batching { max_rows: Some(64), ..Batching::default() };
    let samples = Arc::new(vec![sample("1"), sample("2")]);
    let mut spec = ModelSpec { batching, samples, ..ModelSpec::new("m", "") };
    spec.limits.sessions = Some(1);
    let served = Arc::new(Served::of([(spec, fake.clone())]).await);
    let handle = served.models.running[0].handle();
    let ask = |body: &'static str| {
        let served = Arc::clone(&served);
        let request = Request::post(PREDICT).header("loadonce-explain", "1").body(Body::from(body)).unwrap();
        tokio::spawn(async move { served.exchange(request).await })
    };
    let busy = ask(r#"{"instances":["wait"]}"#);
    while handle.load().running == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = [ask(r#"{"instances":[{"a":1},{"a":2}]}"#), ask(r#"{"inputs":[3]}"#)];
    while handle.load().waiting < 2 {
        tokio::task::yield_now().await;
    }
    fake.open_gate();
    assert_eq!(busy.await.unwrap().status, StatusCode::OK);
    let expected = [r#"{"predictions":[[{"a":1}],[{"a":2}]]}"#, r#"{"outputs":[[3]]}"#];
    for (answer, expected) in waiting.into_iter().zip(expected) {
        let answer = answer.await.unwrap();
        assert_eq!((answer.body.as_str(), &answer.headers["loadonce-batch"]), (expected, &"2".parse().unwrap()));
    }
}
