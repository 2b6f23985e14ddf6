//! HTTP/2 without TLS, by prior knowledge.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadonce_lifespan::{Address, Config, Drain, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use crate::drain::refused;
use crate::support::{self, Gate, config, serving, serving_with, within_deadline};

type Connection = JoinHandle<Result<(), hyper::Error>>;

async fn connect(address: &Address) -> (SendRequest<Body>, Connection) {
    let stream = support::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

async fn get(sender: &mut SendRequest<Body>, path: &str) -> (u16, String) {
    let request = Request::get(format!("http://test{path}")).version(Version::HTTP_2).body(Body::empty()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn probes_and_routes_answer() {
    within_deadline(async {
        let serving = serving(Drain::default(), Gate::new().routes()).await;
        let (mut sender, connection) = connect(&serving.address).await;
        assert_eq!(get(&mut sender, "/health/live").await, (200, "{\"live\":true}".to_owned()));
        assert_eq!(get(&mut sender, "/quick").await, (200, "\"quick\"".to_owned()));
        assert_eq!(get(&mut sender, "/none").await.0, 404);
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn streams_in_flight_are_answered_while_draining() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain::default(), gate.routes()).await;
        let (mut sender, connection) = connect(&serving.address).await;
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let mut sender = sender.clone();
                tokio::spawn(async move { get(&mut sender, "/held").await })
            })
            .collect();
        for _ in 0..8 {
            gate.entered().await;
        }
        serving.ask.send(()).unwrap();
        refused(&serving.address).await;
        gate.let_go(8);
        for request in requests {
            assert_eq!(request.await.unwrap(), (200, "\"held\"".to_owned()));
        }
        // The peer was told (GOAWAY), so it closes.
        connection.await.unwrap().unwrap();
        assert!(sender.ready().await.is_err());
        let report = serving.report.await.unwrap();
        assert_eq!((report.in_flight_when_told, report.answered_while_draining), (8, 8));
        assert!(report.is_clean(), "{report}");
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_told_and_closes() {
    within_deadline(async {
        let serving = serving(Drain::default(), Router::new()).await;
        let (unused, first) = connect(&serving.address).await;
        let (mut used, second) = connect(&serving.address).await;
        get(&mut used, "/health/live").await;
        assert!(serving.stop().await.is_clean());
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        drop((unused, used));
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_431() {
    within_deadline(async {
        let limits = Limits { max_header_bytes: 1000, ..Limits::default() };
        let serving = serving_with(Config { limits, ..config() }, Gate::new().routes()).await;
        let (mut sender, connection) = connect(&serving.address).await;
        let request =
            Request::get("http://test/quick").header("x-large", "x".repeat(1500)).body(Body::empty()).unwrap();
        let status = sender.send_request(request).await.unwrap().status();
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(get(&mut sender, "/quick").await.0, 200, "the connection lives on");
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_is_gone_is_found_out_by_a_ping() {
    const PING: u8 = 6;
    within_deadline(async {
        let moment = Duration::from_millis(20);
        let limits = Limits { ping_interval: moment, ping_timeout: moment, ..Limits::default() };
        let serving = serving_with(Config { limits, ..config() }, Gate::new().routes()).await;
        let mut stream = support::connect(&serving.address).await.unwrap();
        // The preface and an empty SETTINGS frame, then nothing (RFC 9113 section 3.4).
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        assert!(frame_types(&received).contains(&PING), "{received:?}");
        serving.stop().await;
    })
    .await;
}

/// The types of frames, one after the other (RFC 9113 section 4.1).
fn frame_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [high, middle, low, kind, _flags, _stream @ ..] = bytes {
        types.push(*kind);
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        bytes = &bytes[9 + length..];
    }
    types
}

#[tokio::test]
async fn who_resets_requests_as_fast_as_they_are_made_is_cut_off() {
    const GOAWAY: u8 = 7;
    within_deadline(async {
        let limits = Limits { max_resets: 10, ..Limits::default() };
        let gate = Gate::new();
        let serving = serving_with(Config { limits, ..config() }, gate.routes()).await;
        let mut stream = support::connect(&serving.address).await.unwrap();
        let mut attack = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        for stream in (1_u8..=99).step_by(2) {
            // HEADERS of `GET http://t/` (RFC 7541, appendix A), all there is to it; then RST_STREAM, CANCEL.
            attack.extend([0, 0, 6, 1, 5, 0, 0, 0, stream, 0x82, 0x86, 0x84, 0x41, 1, b't']);
            attack.extend([0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8]);
        }
        stream.write_all(&attack).await.unwrap();
        let mut received = Vec::new();
        // The rest of the attack may be answered with a reset.
        let _ = stream.read_to_end(&mut received).await;
        assert!(frame_types(&received).contains(&GOAWAY), "{received:?}");
        let (mut sender, connection) = connect(&serving.address).await;
        assert_eq!(get(&mut sender, "/quick").await.0, 200, "others are served");
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.stop().await;
    })
    .await;
}
