//! The word to stop comes in the middle of load; every request that was sent on an open connection is answered.

use std::io;
use std::time::Duration;

use axum::extract::Path;
use axum::{Json, Router, routing::get, routing::post};
use loadonce_lifespan::status::Phase;
use loadonce_lifespan::{Address, Config, Drain};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::drain::refused;
use crate::support::{Client, Gate, config, is_refusal, serving, serving_with, unix_config, within_deadline};

const FOR_EVER: Duration = Duration::from_hours(1);

fn echo() -> Router {
    Router::new()
        .route("/{number}", get(async |Path(number): Path<u64>| Json(number)))
        .route("/", post(async |Json(body): Json<Value>| Json(body)))
}

/// Both kinds of listener, so many times; the folder holds the socket's file.
fn each_kind(times: usize) -> impl Iterator<Item = (Option<TempDir>, Config)> {
    let unix = || {
        let (folder, config) = unix_config();
        (Some(folder), config)
    };
    (0..times).flat_map(move |_| [(None, config()), unix()])
}

/// Asks without a pause, on a new connection whenever the server ends one, until the port refuses; returns the number
/// of answers. A request that was sent and not answered is a panic.
async fn ask_until_refused(address: Address) -> u64 {
    let mut number = 0;
    loop {
        let mut client = match Client::try_connect(&address).await {
            Ok(client) => client,
            Err(error) => {
                assert!(is_refusal(&error), "{error}");
                return number;
            }
        };
        loop {
            let answer = client.get(&format!("/{number}")).await;
            assert_eq!((answer.status, answer.json()), (200, number.into()));
            number += 1;
            if answer.is_last() {
                client.closed().await;
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_clients_that_keep_their_connection() {
    within_deadline(async {
        for (_folder, config) in each_kind(5) {
            let serving = serving_with(config, echo()).await;
            let clients: JoinSet<_> = (0..32).map(|_| ask_until_refused(serving.address.clone())).collect();
            let mut client = Client::connect(&serving.address).await;
            for number in 0..100 {
                client.get(&format!("/{number}")).await;
            }
            drop(client);
            let report = serving.stop().await;
            let answered: u64 = clients.join_all().await.iter().sum();
            assert_eq!(report.answered, answered + 100);
            assert!(report.is_clean(), "{report}");
            assert_eq!(report.abandoned, 0);
        }
    })
    .await;
}

/// Asks on a new connection each time, until the port refuses.
async fn come_anew_until_refused(address: Address) -> u64 {
    let mut number = 0;
    loop {
        match Client::try_connect(&address).await {
            Ok(mut client) => assert_eq!(client.get(&format!("/{number}")).await.json(), number),
            Err(error) if is_refusal(&error) => return number,
            Err(error) => panic!("{error}"),
        }
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_clients_that_come_anew_each_time() {
    within_deadline(async {
        for (_folder, config) in each_kind(5) {
            let serving = serving_with(config, echo()).await;
            let clients: JoinSet<_> = (0..16).map(|_| come_anew_until_refused(serving.address.clone())).collect();
            come_anew(&serving.address, 50).await;
            let report = serving.stop().await;
            let answered: u64 = clients.join_all().await.iter().sum();
            assert_eq!((report.answered, report.abandoned), (answered + 50, 0));
            assert!(report.is_clean(), "{report}");
        }
    })
    .await;
}

async fn come_anew(address: &Address, times: u64) {
    for number in 0..times {
        assert_eq!(Client::connect(address).await.get(&format!("/{number}")).await.json(), number);
    }
}

#[tokio::test]
async fn pipelined_behind_the_one_in_flight() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain { linger: FOR_EVER, ..Drain::default() }, gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        let requests = ["/held", "/quick", "/held", "/quick"];
        client.send(&requests.map(|path| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).concat()).await;
        gate.entered().await;
        serving.ask.send(()).unwrap();
        refused(&serving.address).await;
        gate.let_go(2);
        for (position, expected) in ["held", "quick", "held", "quick"].into_iter().enumerate() {
            let answer = client.answer().await.unwrap();
            assert_eq!((answer.json(), answer.is_last()), (expected.into(), position == 3), "{position}");
        }
        client.closed().await;
        drop(client);
        let report = serving.report.await.unwrap();
        assert_eq!((report.answered, report.is_clean()), (4, true));
    })
    .await;
}

#[tokio::test]
async fn whose_body_arrives_slowly() {
    within_deadline(async {
        let drain = Drain { linger: Duration::from_millis(1), ..Drain::default() };
        let serving = serving(drain, echo()).await;
        let mut client = Client::connect(&serving.address).await;
        client
            .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n")
            .await;
        let mut other = Client::connect(&serving.address).await;
        other.get("/1").await;
        serving.ask.send(()).unwrap();
        serving.status.wait_until(|now| now.phase == Phase::Draining).await;
        for piece in ["[1,", " 2, ", "3, ", "4"] {
            client.send(piece).await;
            // By now an idle connection would have been closed: the other one, or one like it.
            other.closed().await;
        }
        refused(&serving.address).await;
        client.send(" ]").await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.json(), answer.is_last()), (serde_json::json!([1, 2, 3, 4]), true));
        drop((client, other));
        assert!(serving.report.await.unwrap().is_clean());
    })
    .await;
}

#[tokio::test]
async fn sent_to_the_queue_before_the_connection_was_accepted() {
    within_deadline(async {
        // One thread: nothing is accepted while this test does not yield, and it does not between here and the signal.
        let serving = serving(Drain::default(), echo()).await;
        let streams: Vec<_> = (0..50)
            .map(|number| {
                let mut stream = std::net::TcpStream::connect(serving.address.tcp().unwrap()).unwrap();
                io::Write::write_all(&mut stream, format!("GET /{number} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes())
                    .unwrap();
                stream
            })
            .collect();
        serving.ask.send(()).unwrap();
        let report = serving.report.await.unwrap();
        assert_eq!((report.answered, report.is_clean()), (50, true), "{report}");
        for mut stream in streams {
            let mut answer = String::new();
            io::Read::read_to_string(&mut stream, &mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
    })
    .await;
}
