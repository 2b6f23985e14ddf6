//! Stopping: not ready at once, everything answered, bounded, and ended at once by a second signal.

use std::io;
use std::time::Duration;

use axum::Router;
use loadonce_lifespan::status::Phase;
use loadonce_lifespan::{Address, Drain};
use serde_json::json;
use tokio::sync::oneshot;

use crate::support::{Client, Gate, bound, config, get_once, is_refusal, loaded, serving, within_deadline};

/// So long that a test which ends before its deadline has not waited for it.
const FOR_EVER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn during_the_delay_it_is_not_ready_but_answers_as_before() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain { delay: FOR_EVER, ..Drain::default() }, gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        assert_eq!(client.get("/health/ready").await.status, 200);
        serving.ask.send(()).unwrap();
        serving.status.wait_until(|now| now.phase == Phase::Draining).await;
        let ready = client.get("/health/ready").await;
        assert_eq!((ready.status, ready.json()["phase"].clone()), (503, json!("draining")));
        assert_eq!(client.get("/health/live").await.status, 200);
        let answer = client.get("/quick").await;
        assert_eq!((answer.status, answer.is_last()), (200, false));
        assert_eq!(get_once(&serving.address, "/quick").await.status, 200, "a new connection");
        serving.ask_again.send(()).unwrap();
        assert!(serving.report.await.unwrap().at_once);
    })
    .await;
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_told_to_be_the_last() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain { linger: FOR_EVER, ..Drain::default() }, gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        serving.ask.send(()).unwrap();
        refused(&serving.address).await;
        gate.let_go(1);
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.is_last()), (200, true));
        client.closed().await;
        drop(client);
        let report = serving.report.await.unwrap();
        assert_eq!((report.in_flight_when_told, report.answered_while_draining, report.cut_off), (1, 1, 0));
        assert!(report.is_clean());
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nobody_new_comes_in_once_answers_say_close() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain::default(), gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        let (address, draining) = (serving.address.clone(), tokio::spawn(serving.stop()));
        let mut kept = Client::connect(&address).await;
        while !kept.get("/quick").await.is_last() {}
        // The listener is told at the same moment as the connections.
        tokio::task::yield_now().await;
        // Handshakes that had begun are still completed at this time, others are put off until the port refuses them.
        let late = Client::try_connect(&address).await.err().map(|error| error.kind());
        assert_eq!(late, Some(io::ErrorKind::ConnectionRefused));
        gate.let_go(1);
        assert!(client.answer().await.unwrap().is_last());
        drop((client, kept));
        assert!(draining.await.unwrap().is_clean());
    })
    .await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_off_and_counted() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain { timeout: Duration::from_millis(20), ..Drain::default() }, gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        let report = serving.stop().await;
        assert_eq!((report.cut_off, report.connections_cut, report.at_once), (1, 1, false));
        assert!(!report.is_clean());
        assert!(client.answer().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_second_signal_ends_the_drain_at_once() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain { timeout: FOR_EVER, ..Drain::default() }, gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        serving.ask.send(()).unwrap();
        serving.status.wait_until(|now| now.phase == Phase::Draining).await;
        serving.ask_again.send(()).unwrap();
        let report = serving.report.await.unwrap();
        assert_eq!((report.at_once, report.cut_off), (true, 1));
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_lingers_for_a_request_that_was_on_its_way() {
    within_deadline(async {
        let serving = serving(Drain { linger: FOR_EVER, ..Drain::default() }, Gate::new().routes()).await;
        let mut used = Client::connect(&serving.address).await;
        assert_eq!(used.get("/quick").await.status, 200);
        let mut fresh = Client::connect(&serving.address).await;
        let mut half = Client::connect(&serving.address).await;
        half.send("GET /quick HT").await;
        serving.ask.send(()).unwrap();
        refused(&serving.address).await;
        for client in [&mut used, &mut fresh] {
            let answer = client.get("/quick").await;
            assert_eq!((answer.status, answer.is_last()), (200, true));
            client.closed().await;
        }
        half.send("TP/1.1\r\nhost: test\r\n\r\n").await;
        assert!(half.answer().await.unwrap().is_last());
        drop((used, fresh, half));
        assert!(serving.report.await.unwrap().is_clean());
    })
    .await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_process_up() {
    within_deadline(async {
        let drain = Drain { timeout: FOR_EVER, linger: Duration::from_millis(10), ..Drain::default() };
        let serving = serving(drain, Gate::new().routes()).await;
        let mut used = Client::connect(&serving.address).await;
        assert_eq!(used.get("/quick").await.status, 200);
        let mut fresh = Client::connect(&serving.address).await;
        serving.ask.send(()).unwrap();
        used.closed().await;
        fresh.closed().await;
        assert!(serving.report.await.unwrap().is_clean());
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_not_taken_back_by_bytes_that_came_after_it() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving(Drain::default(), gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET /held HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
        gate.entered().await;
        // The request above was the connection's last. These are more than HTTP reads ahead, so some stay in the kernel.
        client.send(&"GET /quick HTTP/1.1\r\nhost: test\r\n\r\n".repeat(2000)).await;
        gate.let_go(1);
        assert_eq!(client.answer().await.unwrap().json(), "held");
        client.closed().await;
        drop(client);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_dropped_closes_its_socket() {
    within_deadline(async {
        let bound = bound().await;
        let address = bound.addresses()[0].clone();
        drop(bound);
        refused(&address).await;
        let loaded = loaded(config()).await;
        let address = loaded.addresses()[0].clone();
        drop(loaded);
        refused(&address).await;
    })
    .await;
}

#[tokio::test]
async fn told_to_stop_before_it_serves_it_still_ends_well() {
    within_deadline(async {
        let (stop, stopped) = oneshot::channel::<()>();
        drop(stop);
        let report = loaded(config()).await.serve(|()| Router::new(), async { drop(stopped.await) }).await;
        assert!(report.is_clean());
        assert_eq!(report.to_string().split(' ').next(), Some("answered"));
    })
    .await;
}

/// Waits until no connection can be made any more.
pub(crate) async fn refused(address: &Address) {
    while !Client::try_connect(address).await.is_err_and(|error| is_refusal(&error)) {
        tokio::task::yield_now().await;
    }
}
