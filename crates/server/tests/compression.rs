//! Packed bodies in both directions.

use std::io::{Read as _, Write as _};

use axum::body::Body;
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, BODY_LIMIT, Served, v2};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn send(served: &Served, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let request = Request::post("/v2/models/m/infer");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    served.exchange(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn packed_requests_are_unpacked() {
    let served = Served::one().await;
    let body = v2("[1,2]", "FP32", "[1,2]");
    for (encoding, packed) in
        [("gzip", gzip(body.as_bytes())), ("deflate", deflate(body.as_bytes())), ("identity", body.clone().into())]
    {
        let answer = send(&served, &[("content-encoding", encoding)], packed).await;
        assert_eq!(answer.json()["outputs"][0]["data"], json!([2.0, 4.0]), "{encoding}");
    }
}

#[tokio::test]
async fn the_header_of_binary_tensors_counts_unpacked_bytes() {
    let served = Served::one().await;
    let json = r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;
    let tensor: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let length = json.len().to_string();
    let headers = [("content-encoding", "gzip"), ("inference-header-content-length", length.as_str())];
    let answer = send(&served, &headers, gzip(&[json.as_bytes(), &tensor].concat())).await;
    assert_eq!(answer.json()["outputs"][0]["data"], json!([2.0, 4.0]));
}

#[tokio::test]
async fn what_cannot_be_unpacked_or_is_too_large_is_refused() {
    let served = Served::one().await;
    let body = v2("[1,2]", "FP32", "[1,2]");
    let mut cut = gzip(body.as_bytes());
    cut.truncate(cut.len() / 2);
    let bomb = gzip(&vec![b' '; 4 * BODY_LIMIT]);
    assert!(bomb.len() < BODY_LIMIT);
    let cases = [
        ("gzip", cut, StatusCode::BAD_REQUEST),
        ("gzip", body.clone().into_bytes(), StatusCode::BAD_REQUEST),
        ("gzip", bomb, StatusCode::PAYLOAD_TOO_LARGE),
        ("br", body.into_bytes(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ];
    for (encoding, body, status) in cases {
        let answer = send(&served, &[("content-encoding", encoding)], body).await;
        assert_eq!((answer.status, answer.error().is_empty()), (status, false), "{encoding}: {answer:?}");
    }
}

#[tokio::test]
async fn large_answers_are_packed_for_callers_who_accept_that() {
    let served = Served::one().await;
    let body = v2("[500,2]", "FP32", &format!("[{}]", vec!["0.5"; 1000].join(",")));
    let unpacked = |encoding: &str, bytes: &[u8]| -> Value {
        let mut text = String::new();
        match encoding {
            "gzip" => GzDecoder::new(bytes).read_to_string(&mut text).unwrap(),
            _ => ZlibDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        };
        serde_json::from_str(&text).unwrap()
    };
    for encoding in ["gzip", "deflate"] {
        let answer = send(&served, &[("accept-encoding", encoding)], body.clone().into_bytes()).await;
        assert_eq!(answer.headers["content-encoding"], encoding);
        assert_eq!(unpacked(encoding, &answer.bytes)["outputs"][0]["shape"], json!([500, 2]));
    }
    let small = send(&served, &[("accept-encoding", "gzip")], v2("[1,2]", "FP32", "[1,2]").into_bytes()).await;
    assert!(!small.headers.contains_key("content-encoding"));
}
