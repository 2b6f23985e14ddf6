//! Ordinary requests: what the shell adds to the application's routes.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::{Json, Router, routing::get};
use loadonce_lifespan::Drain;
use serde_json::json;

use crate::support::{Client, serving, within_deadline};

#[tokio::test]
async fn a_handler_that_panics_is_answered_500_and_the_connection_lives_on() {
    within_deadline(async {
        let routes = Router::new()
            .route("/panics", get(async || -> Json<u8> { panic!("bug") }))
            .route("/fine", get(async || Json("fine")));
        let serving = serving(Drain::default(), routes).await;
        let mut client = Client::connect(&serving.address).await;
        let answer = client.get("/panics").await;
        assert_eq!((answer.status, answer.json()), (500, json!({ "error": "the request handler panicked" })));
        assert_eq!(client.get("/fine").await.status, 200);
        drop(client);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn handlers_know_their_peer() {
    within_deadline(async {
        let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| Json(peer.ip().is_loopback());
        let serving = serving(Drain::default(), Router::new().route("/peer", get(peer))).await;
        assert_eq!(crate::support::get_once(&serving.address, "/peer").await.json(), true);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    within_deadline(async {
        let routes =
            Router::new().route("/{number}", get(async |axum::extract::Path(n): axum::extract::Path<u32>| Json(n)));
        let serving = serving(Drain::default(), routes).await;
        let mut client = Client::connect(&serving.address).await;
        let request = |n: u32| format!("GET /{n} HTTP/1.1\r\nhost: test\r\n\r\n");
        let requests = (0..40).map(request).collect::<Vec<_>>().concat();
        client.send(&requests).await;
        for number in 0..40 {
            assert_eq!(client.answer().await.unwrap().json(), number);
        }
        drop(client);
        let report = serving.stop().await;
        assert_eq!((report.answered, report.abandoned), (40, 0));
    })
    .await;
}
