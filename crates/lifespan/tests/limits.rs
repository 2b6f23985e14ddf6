//! What a single peer cannot do: hold a connection without a request, take more than its share, take the port.

use std::io;
use std::num::NonZeroU64;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Router, routing::get, routing::post};
use loadonce_lifespan::{Config, Drain, Limits, Startup};

use crate::support::{Client, Gate, bound, config, serving_with, unix_config, within_deadline};

const SHORT: Duration = Duration::from_millis(30);
const FOR_EVER: Duration = Duration::from_hours(1);

fn limits(header_timeout: Duration, idle_timeout: Duration) -> Config {
    Config { limits: Limits { header_timeout, idle_timeout, ..Limits::default() }, ..config() }
}

#[tokio::test]
async fn a_taken_port_fails_before_startup_runs() {
    within_deadline(async {
        let first = bound().await;
        let started = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&started);
        let second = async {
            let bound = Config { listen: first.addresses().to_vec(), ..config() }.bind().await?;
            let startup = async move |_: &Startup| {
                seen.store(true, Ordering::Relaxed);
                Ok(())
            };
            Ok(bound.load(startup).await)
        };
        let error: loadonce_lifespan::BindError = second.await.unwrap_err();
        assert_eq!((error.kind(), error.address()), (io::ErrorKind::AddrInUse, &first.addresses()[0]));
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot listen on {}: ", &first.addresses()[0])), "{text}");
        assert!(text.ends_with("stop it, or choose another port"), "{text}");
        assert!(!started.load(Ordering::Relaxed));
    })
    .await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off_but_an_idle_connection_is_not() {
    within_deadline(async {
        let serving = serving_with(limits(SHORT, FOR_EVER), Gate::new().routes()).await;
        let mut idle = Client::connect(&serving.address).await;
        assert_eq!(idle.get("/quick").await.status, 200);
        let mut slow = Client::connect(&serving.address).await;
        slow.send("GET /quick HTTP/1.1\r\nhost: te").await;
        slow.closed().await;
        let mut used_and_slow = Client::connect(&serving.address).await;
        assert_eq!(used_and_slow.get("/quick").await.status, 200);
        used_and_slow.send("GET /quick").await;
        used_and_slow.closed().await;
        assert_eq!(idle.get("/quick").await.status, 200);
        drop(idle);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    within_deadline(async {
        let serving = serving_with(limits(SHORT, FOR_EVER), Gate::new().routes()).await;
        Client::connect(&serving.address).await.closed().await;
        let mut half_a_preface = Client::connect(&serving.address).await;
        half_a_preface.send("PRI * HT").await;
        half_a_preface.closed().await;
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_waits_too_long_for_its_next_request_is_closed() {
    within_deadline(async {
        let serving = serving_with(limits(FOR_EVER, SHORT), Gate::new().routes()).await;
        let mut client = Client::connect(&serving.address).await;
        assert_eq!(client.get("/quick").await.status, 200);
        client.closed().await;
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_request_may_take_longer_than_every_other_bound() {
    within_deadline(async {
        let gate = Gate::new();
        let serving = serving_with(limits(SHORT, SHORT), gate.routes()).await;
        let mut patient = Client::connect(&serving.address).await;
        patient.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        // Three other connections have run into their bounds one after the other.
        for _ in 0..3 {
            Client::connect(&serving.address).await.closed().await;
        }
        gate.let_go(1);
        assert_eq!(patient.answer().await.unwrap().status, 200);
        drop(patient);
        serving.stop().await;
    })
    .await;
}

fn echo() -> Router {
    Router::new().route("/", post(async |body: String| body))
}

#[tokio::test]
async fn a_body_that_trickles_in_is_answered_408_and_its_connection_closed() {
    within_deadline(async {
        let limits = Limits { body_timeout: SHORT, ..Limits::default() };
        let serving = serving_with(Config { limits, ..config() }, echo()).await;
        for body in ["content-length: 1000\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
            let mut slow = Client::connect(&serving.address).await;
            slow.send(&format!("POST / HTTP/1.1\r\nhost: test\r\n{body}")).await;
            let answer = slow.answer().await.unwrap();
            assert_eq!((answer.status, answer.is_last()), (408, true));
            let text = answer.json()["error"].as_str().unwrap().to_owned();
            assert_eq!(text, "the request's body came in too slowly: 3 bytes, then nothing more in time");
            slow.closed().await;
        }
        let whole = Client::connect(&serving.address).await.post("/", "abc").await;
        assert_eq!((whole.status, whole.is_last()), (200, false));
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_sends_faster_than_the_least_rate_may_take_longer_than_the_timeout() {
    within_deadline(async {
        // Each byte earns a second.
        let body_rate = NonZeroU64::new(1).unwrap();
        let limits = Limits { body_timeout: SHORT, body_rate, ..Limits::default() };
        let serving = serving_with(Config { limits, ..config() }, echo()).await;
        let mut steady = Client::connect(&serving.address).await;
        steady.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 80\r\n\r\n").await;
        steady.send(&"a".repeat(60)).await;
        // By now the timeout alone would have ended it: another one that sends nothing has been ended since.
        let mut silent = Client::connect(&serving.address).await;
        silent.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 80\r\n\r\n").await;
        assert_eq!(silent.answer().await.unwrap().status, 408);
        steady.send(&"b".repeat(20)).await;
        assert_eq!(steady.answer().await.unwrap().status, 200);
        drop((steady, silent));
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_431() {
    within_deadline(async {
        let limits = Limits { max_header_bytes: 10_000, ..Limits::default() };
        let serving = serving_with(Config { limits, ..config() }, Gate::new().routes()).await;
        let head = |size: usize| format!("GET /quick HTTP/1.1\r\nhost: test\r\nx-large: {}\r\n\r\n", "x".repeat(size));
        let many = format!("GET /quick HTTP/1.1\r\nhost: test\r\n{}\r\n", "x-one: 1\r\n".repeat(101));
        for (head, expected) in [(head(8_000), 200), (head(40_000), 431), (many, 431)] {
            let mut client = Client::connect(&serving.address).await;
            client.send(&head).await;
            assert_eq!(client.answer().await.unwrap().status, expected);
        }
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_peer_on_a_socket_of_this_machine_that_does_not_take_its_answer_is_cut() {
    within_deadline(async {
        let limits = Limits { write_timeout: SHORT, ..Limits::default() };
        let large = Router::new().route("/", get(async || vec![0; 64 << 20]));
        let (_folder, config) = unix_config();
        let serving = serving_with(Config { limits, ..config }, large).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.receive().await.unwrap();
        let address = serving.address.clone();
        // Without the bound this would wait for the answer to be taken.
        let report = serving.stop().await;
        assert!(report.is_clean(), "{report} on {address}");
        drop(client);
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_peer_that_does_not_take_its_answer_does_not_hold_the_process_up() {
    within_deadline(async {
        let limits = Limits { write_timeout: Duration::from_millis(100), ..Limits::default() };
        let drain = Drain { timeout: FOR_EVER, ..Drain::default() };
        let large = Router::new().route("/", get(async || vec![0; 64 << 20]));
        let serving = serving_with(Config { limits, drain, ..config() }, large).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
        client.receive().await.unwrap();
        serving.stop().await;
        drop(client);
    })
    .await;
}

#[tokio::test]
async fn connections_above_the_bound_wait_until_there_is_room() {
    within_deadline(async {
        let limits = Limits { max_connections: 2, ..Limits::default() };
        let serving = serving_with(Config { limits, ..config() }, Gate::new().routes()).await;
        let mut first = Client::connect(&serving.address).await;
        let mut second = Client::connect(&serving.address).await;
        assert_eq!(first.get("/quick").await.status, 200);
        assert_eq!(second.get("/quick").await.status, 200);
        let mut third = Client::connect(&serving.address).await;
        third.send("GET /quick HTTP/1.1\r\nhost: test\r\n\r\n").await;
        // The first two are still answered while the third is not.
        assert_eq!(first.get("/quick").await.status, 200);
        let waiting = tokio::time::timeout(Duration::from_millis(50), third.answer()).await;
        assert!(waiting.is_err(), "answered above the bound");
        drop(first);
        assert_eq!(third.answer().await.unwrap().status, 200);
        drop((second, third));
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_waits_in_the_queue_is_answered_when_the_process_stops() {
    within_deadline(async {
        let limits = Limits { max_connections: 1, ..Limits::default() };
        let gate = Gate::new();
        let serving = serving_with(Config { limits, ..config() }, gate.routes()).await;
        let mut first = Client::connect(&serving.address).await;
        first.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        let mut queued = Client::connect(&serving.address).await;
        queued.send("GET /quick HTTP/1.1\r\nhost: test\r\n\r\n").await;
        serving.ask.send(()).unwrap();
        let answer = queued.answer().await.unwrap();
        assert_eq!((answer.status, answer.is_last()), (200, true));
        gate.let_go(1);
        assert!(first.answer().await.unwrap().is_last());
        drop((first, queued));
        assert!(serving.report.await.unwrap().is_clean());
    })
    .await;
}

/// Set for the copy of this test that runs with few file descriptors.
const FEW_DESCRIPTORS: &str = "LIFESPAN_TEST_WITH_FEW_DESCRIPTORS";

#[test]
fn without_file_descriptors_it_answers_whom_it_has_and_goes_on_later() {
    if std::env::var_os(FEW_DESCRIPTORS).is_none() {
        let this = "limits::without_file_descriptors_it_answers_whom_it_has_and_goes_on_later";
        let copy = Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\" --nocapture"])
            .args([std::env::current_exe().unwrap().as_os_str(), this.as_ref()])
            .env(FEW_DESCRIPTORS, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&copy.stdout);
        assert!(
            copy.status.success() && output.contains("1 passed"),
            "{output}{}",
            String::from_utf8_lossy(&copy.stderr)
        );
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(within_deadline(async {
        let serving = serving_with(config(), Gate::new().routes()).await;
        let mut first = Client::connect(&serving.address).await;
        assert_eq!(first.get("/quick").await.status, 200);
        // Without yielding, so that none of these is accepted before the descriptors are gone.
        let mut waiting = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect(serving.address.tcp().unwrap()) {
            waiting.push(stream);
        }
        for _ in 0..10 {
            assert_eq!(first.get("/quick").await.status, 200);
        }
        let mut client = Client::of(waiting.pop().unwrap());
        drop(waiting);
        assert_eq!(client.get("/quick").await.status, 200);
        drop((first, client));
        assert!(serving.stop().await.is_clean());
    }));
}

#[tokio::test]
async fn nonsense_is_refused_and_harms_nobody() {
    within_deadline(async {
        let serving = serving_with(config(), Router::new()).await;
        for nonsense in [
            "\r\n\r\n\0\0\0\0\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET  \r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        ] {
            let mut client = Client::connect(&serving.address).await;
            client.send(nonsense).await;
            assert_eq!(client.answer().await.unwrap().status, 400, "{nonsense:?}");
        }
        assert_eq!(crate::support::get_once(&serving.address, "/health/live").await.status, 200);
        serving.stop().await;
    })
    .await;
}
