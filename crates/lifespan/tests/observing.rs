//! Requests can be found again: by their id, by their trace, and by whoever keeps a log of them.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::{Extension, Router, routing::get, routing::post};
use http::{Method, StatusCode};
use loadonce_lifespan::{Config, Exchange, Identity, Observer, Peer};

use crate::support::{Client, Gate, bound, config, get_once, serving_with, within_deadline};

#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Exchange>>>);

impl Observer for Seen {
    fn observe(&self, exchange: Exchange) {
        self.0.lock().unwrap().push(exchange);
    }
}

impl Seen {
    fn config(&self) -> Config {
        Config { observer: Some(Arc::new(self.clone())), ..config() }
    }

    /// What was seen, once it is so many requests.
    async fn requests(&self, count: usize) -> Vec<Exchange> {
        while self.0.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn an_id_goes_to_the_handler_and_back_and_one_that_is_unfit_is_replaced() {
    within_deadline(async {
        let traced = async |Extension(identity): Extension<Identity>| {
            format!("{} {}", identity.id(), identity.trace.map_or_else(String::new, |trace| trace.to_string()))
        };
        let serving = serving_with(config(), Router::new().route("/", get(traced))).await;
        let mut client = Client::connect(&serving.address).await;
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        client.send(&format!("GET / HTTP/1.1\r\nhost: t\r\nx-request-id: mine\r\ntraceparent: {trace}\r\n\r\n")).await;
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.headers["x-request-id"], "mine");
        assert_eq!(String::from_utf8(answer.body).unwrap(), format!("mine {trace}"));
        client.send("GET / HTTP/1.1\r\nhost: t\r\nx-request-id: two words\r\n\r\n").await;
        let answer = client.answer().await.unwrap();
        let id = answer.headers["x-request-id"].clone();
        assert_eq!((id.len(), String::from_utf8(answer.body).unwrap()), (36, format!("{id} ")));
        for path in ["/none", "/health/live"] {
            assert_eq!(client.get(path).await.headers["x-request-id"].len(), 36, "{path}");
        }
        drop(client);
        serving.stop().await;
    })
    .await;
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_logged_on_the_way_says_which_request_it_belongs_to() {
    within_deadline(async {
        let logged = Logged::default();
        let writer = logged.clone();
        // Of this thread, on which the server of this test runs too.
        let level = tracing_subscriber::filter::LevelFilter::ERROR;
        let log = tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(log);
        let serving = serving_with(config(), Router::new().route("/", get(async || -> &str { panic!("bug") }))).await;
        let mut client = Client::connect(&serving.address).await;
        let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        client.send(&format!("GET / HTTP/1.1\r\nhost: t\r\nx-request-id: mine\r\n{trace}\r\n\r\n")).await;
        assert_eq!(client.answer().await.unwrap().status, 500);
        let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
        let line = text.lines().find(|line| line.contains("a request handler panicked")).unwrap();
        for part in ["bug", "mine", "0af7651916cd43dd8448eb211c80319c"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        drop(client);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_while_loading_has_an_id_too() {
    within_deadline(async {
        let bound = bound().await;
        let refused = get_once(&bound.addresses()[0], "/v2/models/m/infer").await;
        assert_eq!((refused.status, refused.headers["x-request-id"].len()), (503, 36));
    })
    .await;
}

#[tokio::test]
async fn every_request_is_observed_with_its_sizes_and_what_its_handler_says() {
    within_deadline(async {
        let seen = Seen::default();
        let double = async |body: Bytes| (Extension("said"), [&body[..], &body[..]].concat());
        let serving = serving_with(seen.config(), Router::new().route("/double", post(double))).await;
        let mut client = Client::connect(&serving.address).await;
        assert_eq!(client.post("/double?x=1", "12345").await.status, 200);
        let [double] = <[Exchange; 1]>::try_from(seen.requests(1).await).unwrap();
        assert_eq!((double.method, double.uri.to_string().as_str()), (Method::POST, "/double?x=1"));
        assert_eq!((double.status, double.received, double.sent), (Some(StatusCode::OK), 5, 10));
        assert_eq!(double.extensions.get::<&str>(), Some(&"said"));
        assert!(matches!(double.identity.peer, Peer::Tcp(peer) if peer.ip().is_loopback()));
        client.get("/none").await;
        client.get("/health/ready").await;
        let [none, probe] = <[Exchange; 2]>::try_from(seen.requests(2).await).unwrap();
        assert_eq!((none.status, none.is_probe), (Some(StatusCode::NOT_FOUND), false));
        assert_eq!((probe.status, probe.is_probe), (Some(StatusCode::OK), true));
        drop(client);
        serving.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_leaves_before_the_answer_is_observed_without_a_status() {
    within_deadline(async {
        let (seen, gate) = (Seen::default(), Gate::new());
        let serving = serving_with(seen.config(), gate.routes()).await;
        let mut client = Client::connect(&serving.address).await;
        client.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        gate.entered().await;
        drop(client);
        let left = seen.requests(1).await;
        assert_eq!((left[0].uri.path(), left[0].status), ("/held", None));
        serving.stop().await;
    })
    .await;
}
