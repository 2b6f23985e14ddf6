//! How long a caller waits: said in headers and parameters, kept in the queue, and refused at once where it is too short.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, StatusCode};
use loadonce_core::ModelHandle;
use loadonce_core::testing::{FakeEngine, Script, TRIGGER_WAIT};
use tokio::task::{JoinHandle, yield_now};

use crate::support::{Answer, Served, v2};

const EXPECTED_TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// A model of one session, which is busy until the gate opens.
struct Busy {
    served: Served,
    fake: FakeEngine,
    handle: ModelHandle,
    running: JoinHandle<StatusCode>,
}

impl Busy {
    async fn new() -> Self {
        let fake = FakeEngine::new(Script { exclusive: true, ..Script::default() });
        let served = Served::new([("m", fake.clone())]).await;
        let handle = served.models.running[0].handle();
        let request = Request::post("/v2/models/m/infer").body(v2("[1,2]", "FP32", &format!("[{TRIGGER_WAIT},0]")));
        let answer = tower::ServiceExt::oneshot(served.router.clone(), request.unwrap());
        let running = tokio::spawn(async { answer.await.unwrap().status() });
        while handle.load().running == 0 {
            yield_now().await;
        }
        Self { served, fake, handle, running }
    }

    /// Lets the session go on; everything that waited was answered by then.
    async fn finish(self) -> Served {
        self.fake.open_gate();
        assert_eq!(self.running.await.unwrap(), StatusCode::OK);
        self.served
    }
}

async fn ask(served: &Served, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let request = Request::post(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    served.exchange(request.body(Body::from(body)).unwrap()).await
}

/// A v2 request with that parameter `timeout` in microseconds.
fn with_timeout(microseconds: u64) -> String {
    let request = v2("[1,2]", "FP32", "[1,2]");
    format!("{{\"parameters\":{{\"timeout\":{microseconds}}},{}", &request[1..])
}

#[tokio::test]
async fn the_least_time_that_is_given_holds_and_who_is_late_leaves_the_queue() {
    let busy = Busy::new().await;
    let runs = busy.fake.counts().runs.load(Ordering::SeqCst);
    let long = 60_000_000;
    for (headers, timeout) in [
        (&[(EXPECTED_TIMEOUT, "20")][..], long),
        (&[(GRPC_TIMEOUT, "20m"), (EXPECTED_TIMEOUT, "60000")], long),
        (&[(GRPC_TIMEOUT, "60S")], 20_000),
        (&[], 20_000),
    ] {
        let answer = ask(&busy.served, "/v2/models/m/infer", headers, with_timeout(timeout)).await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT, "{headers:?} {}", answer.body);
        assert_eq!(busy.handle.load().waiting, 0, "{headers:?}");
    }
    let rows = r#"{"instances":[[1,2]]}"#.to_owned();
    let answer = ask(&busy.served, "/v1/models/m:predict", &[(EXPECTED_TIMEOUT, "20")], rows).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(busy.fake.counts().runs.load(Ordering::SeqCst), runs);
    let metrics = busy.finish().await.get("/metrics").await.body;
    let line = r#"loadonce_requests_total{model="m",version="1",protocol="v2",outcome="deadline_exceeded"} 4"#;
    assert!(metrics.lines().any(|got| got == line), "{metrics}");
}

#[tokio::test]
async fn who_would_be_late_is_refused_at_once() {
    let busy = Busy::new().await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(50) {
        yield_now().await;
    }
    // From now on, runs are known to take as long as this one.
    let served = busy.finish().await;
    let answer = ask(&served, "/v2/models/m/infer", &[(EXPECTED_TIMEOUT, "5")], v2("[1,2]", "FP32", "[1,2]")).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(answer.error().starts_with("model 'm' has 0 requests waiting and would answer after "), "{}", answer.body);
    let metrics = served.get("/metrics").await.body;
    let line = r#"loadonce_requests_total{model="m",version="1",protocol="v2",outcome="too_late"} 1"#;
    assert!(metrics.lines().any(|got| got == line), "{metrics}");
}

#[tokio::test]
async fn a_deadline_that_is_none_is_a_mistake_that_names_its_header() {
    let served = Served::one().await;
    for (name, value) in [(EXPECTED_TIMEOUT, "0"), (EXPECTED_TIMEOUT, "1.5"), (GRPC_TIMEOUT, "5"), (GRPC_TIMEOUT, "")] {
        for (path, body) in [
            ("/v2/models/m/infer", v2("[1,2]", "FP32", "[1,2]")),
            ("/v1/models/m:predict", r#"{"instances":[[1,2]]}"#.to_owned()),
            ("/invocations", r#"{"instances":[[1,2]]}"#.to_owned()),
        ] {
            let answer = ask(&served, path, &[(name, value)], body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {value}");
            assert!(answer.error().starts_with(&format!("{name}: expected ")), "{}", answer.body);
        }
    }
}
