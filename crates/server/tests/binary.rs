//! Tensors in binary form over HTTP (`extension_binary_data.md`).

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Served};

const HEADER: &str = "inference-header-content-length";
const JSON: &str = r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Sends a body with that header, and, as clients do, without a content type.
async fn send(served: &Served, header: &str, body: Vec<u8>) -> Answer {
    let request = Request::post("/v2/models/m/infer").header(HEADER, header).body(Body::from(body));
    served.exchange(request.unwrap()).await
}

/// The JSON of an answer and what follows it.
fn split(answer: &Answer) -> (Value, &[u8]) {
    assert_eq!(answer.headers["content-type"], "application/octet-stream", "{answer:?}");
    let length: usize = answer.headers[HEADER].to_str().unwrap().parse().unwrap();
    let (json, tail) = answer.bytes.split_at(length);
    (serde_json::from_slice(json).unwrap(), tail)
}

#[tokio::test]
async fn inputs_and_outputs_travel_behind_the_json() {
    let served = Served::one().await;
    let json = JSON.replacen('{', r#"{"parameters":{"binary_data_output":true},"#, 1);
    let answer = send(&served, &json.len().to_string(), [json.as_bytes(), &floats(&[1.0, 2.0])].concat()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let (body, tail) = split(&answer);
    let parameters = json!({ "binary_data_size": 8 });
    let output = json!({ "name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": parameters });
    assert_eq!(body["outputs"], json!([output]));
    assert_eq!(tail, floats(&[2.0, 4.0]));
}

#[tokio::test]
async fn binary_inputs_are_answered_in_json_unless_asked_otherwise() {
    let served = Served::one().await;
    let answer = send(&served, &JSON.len().to_string(), [JSON.as_bytes(), &floats(&[1.0, 2.0])].concat()).await;
    assert_eq!(answer.json()["outputs"][0]["data"], json!([2.0, 4.0]));
    assert!(!answer.headers.contains_key(HEADER));
}

#[tokio::test]
async fn a_raw_body_is_answered_raw() {
    let served = Served::one().await;
    let answer = send(&served, "0", floats(&[1.0, 2.0, 3.0, 4.0])).await;
    let (body, tail) = split(&answer);
    assert_eq!((&body["outputs"][0]["shape"], tail), (&json!([2, 2]), floats(&[2.0, 4.0, 6.0, 8.0]).as_slice()));
}

#[tokio::test]
async fn a_header_that_does_not_fit_is_the_callers_mistake() {
    let served = Served::one().await;
    let body = || [JSON.as_bytes(), &floats(&[1.0, 2.0])].concat();
    let one_less = (JSON.len() - 1).to_string();
    let one_more = (JSON.len() + 1).to_string();
    for header in ["-1", "x", "1e2", "1000000", "18446744073709551616", &one_less, &one_more] {
        let answer = send(&served, header, body()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{header}: {answer:?}");
        assert!(!answer.error().is_empty());
    }
}
