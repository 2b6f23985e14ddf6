//! A caller that leaves while its request waits: over every protocol its place is free at once, its request is never run,
//! and it is counted and observed as gone. The real server, over a fake model that is busy until the test lets it go.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadonce::core::loader::{Engines, LoadOptions};
use loadonce::core::testing::{FakeEngine, TRIGGER_WAIT};
use loadonce::core::{ModelHandle, ModelSpec, QueueLoad};
use loadonce::lifespan::testing::TestApp;
use loadonce::lifespan::{Config, Exchange, Observer, Startup};
use loadonce::load_models;
use loadonce::server::wire::grpc::proto::model_infer_request::InferInputTensor;
use loadonce::server::wire::grpc::proto::{ModelInferRequest, ModelInferResponse};
use loadonce::server::{Api, Limits, Telemetry};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, yield_now};

use crate::support::in_time;

const INFER: &str = "/v2/models/m/infer";
const CALL: &str = "/inference.GRPCInferenceService/ModelInfer";

/// A server of one model with one session, which is busy, and room for one request that waits.
struct Busy {
    app: TestApp,
    fake: FakeEngine,
    handle: ModelHandle,
    seen: Seen,
    running: JoinHandle<String>,
}

/// Paths of requests that were given up before there was an answer.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Observer for Seen {
    fn observe(&self, exchange: Exchange) {
        if exchange.status.is_none() {
            self.0.lock().unwrap().push(exchange.uri.path().to_owned());
        }
    }
}

impl Busy {
    async fn new() -> Self {
        let (fake, seen) = (FakeEngine::default(), Seen::default());
        let (engines, slot): (Arc<dyn Engines>, _) = (Arc::new(fake.clone()), Arc::new(Mutex::new(None)));
        let kept = Arc::clone(&slot);
        let startup = async move |startup: &Startup| {
            let mut spec = ModelSpec::new("m", "");
            (spec.limits.sessions, spec.limits.queue) = (Some(1), 1);
            let registry = load_models(startup, vec![spec], &engines, LoadOptions::default()).await?;
            *kept.lock().unwrap() = registry.handles().next().cloned();
            Ok(Api::new(registry, Telemetry::new(startup.status()), Limits::default()))
        };
        let config = Config { observer: Some(Arc::new(seen.clone())), ..Config::default() };
        let routes = |api: Api| api.clone().routes().merge(api.grpc_routes());
        let app = TestApp::with_config(config, startup, routes).await.unwrap();
        let handle = slot.lock().unwrap().take().unwrap();
        let running = tokio::spawn(ask(app.address(), json(TRIGGER_WAIT)));
        let busy = Self { app, fake, handle, seen, running };
        busy.until(QueueLoad { waiting: 0, running: 1 }).await;
        busy
    }

    async fn until(&self, load: QueueLoad) {
        in_time(async {
            while self.handle.load() != load {
                yield_now().await;
            }
        })
        .await;
    }

    /// Waits until a request waits for the session, leaves with it, and proves what became of it.
    async fn forgets<C>(self, caller: C, path: &str, leave: impl AsyncFnOnce(C)) {
        let runs = self.fake.counts().runs.load(Ordering::SeqCst);
        self.until(QueueLoad { waiting: 1, running: 1 }).await;
        leave(caller).await;
        self.until(QueueLoad { waiting: 0, running: 1 }).await;
        let next = tokio::spawn(ask(self.app.address(), json(1.0)));
        self.until(QueueLoad { waiting: 1, running: 1 }).await;
        self.fake.open_gate();
        for answered in [self.running, next] {
            let answer = in_time(answered).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        assert_eq!(self.fake.counts().runs.load(Ordering::SeqCst) - runs, 1, "the request was run");
        let metrics = send(self.app.address(), "GET /metrics HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n").await;
        assert!(metrics.contains(r#"outcome="client_gone"} 1"#), "{metrics}");
        assert_eq!(*self.seen.0.lock().unwrap(), [path]);
        assert!(self.app.stop().await.is_clean());
    }
}

fn tensor(first: f32) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":[1,2],"datatype":"FP32","data":[{first},0]}}]}}"#)
}

/// A request over HTTP/1 that is the last one on its connection.
fn json(first: f32) -> String {
    let body = tensor(first);
    let length = body.len();
    format!("POST {INFER} HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

async fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn send(address: SocketAddr, request: &str) -> String {
    let mut answer = String::new();
    connect(address, request).await.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn ask(address: SocketAddr, request: String) -> String {
    send(address, &request).await
}

type Http2 = (SendRequest<Full<Bytes>>, JoinHandle<Result<(), hyper::Error>>);

async fn connect_http2(address: SocketAddr) -> Http2 {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

/// A request that waits, on its connection.
async fn wait_http2(address: SocketAddr, path: &str, content_type: &str, body: Bytes) -> (Http2, JoinHandle<()>) {
    let (mut sender, connection) = connect_http2(address).await;
    let request = Request::post(format!("http://m{path}")).version(Version::HTTP_2);
    let request = request.header("content-type", content_type).header("te", "trailers").body(Full::new(body)).unwrap();
    let answer = sender.send_request(request);
    let waiting = tokio::spawn(async { drop(answer.await) });
    ((sender, connection), waiting)
}

fn call(first: f32) -> Bytes {
    let input =
        InferInputTensor { name: "x".to_owned(), datatype: "FP32".to_owned(), shape: vec![1, 2], ..Default::default() };
    let raw: Vec<u8> = [first, 0.0].into_iter().flat_map(f32::to_le_bytes).collect();
    let raw_input_contents = vec![raw.into()];
    let message =
        ModelInferRequest { model_name: "m".to_owned(), inputs: vec![input], raw_input_contents, ..Default::default() };
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut framed).unwrap();
    framed.into()
}

#[tokio::test]
async fn who_closes_an_http1_connection() {
    let busy = Busy::new().await;
    let stream = connect(busy.app.address(), &json(1.0)).await;
    busy.forgets(stream, INFER, async |stream| drop(stream)).await;
}

#[tokio::test]
async fn who_closes_an_http2_connection_or_resets_a_stream() {
    for (path, content_type, body) in
        [(INFER, "application/json", tensor(1.0).into()), (CALL, "application/grpc", call(1.0))]
    {
        let busy = Busy::new().await;
        let caller = wait_http2(busy.app.address(), path, content_type, Bytes::clone(&body)).await;
        let close = async |((sender, connection), waiting): (Http2, JoinHandle<()>)| {
            connection.abort();
            drop(sender);
            waiting.abort();
        };
        busy.forgets(caller, path, close).await;
        let busy = Busy::new().await;
        let caller = wait_http2(busy.app.address(), path, content_type, body).await;
        // The connection lives on for as long as `http2` does.
        let (http2, waiting) = caller;
        busy.forgets(waiting, path, async |waiting: JoinHandle<()>| waiting.abort()).await;
        drop(http2);
    }
}

/// That the other tests fail for no other reason.
#[tokio::test]
async fn who_stays_is_answered() {
    let busy = Busy::new().await;
    let (mut sender, _connection) = connect_http2(busy.app.address()).await;
    let request = Request::post(format!("http://m{CALL}")).header("content-type", "application/grpc");
    let answer = sender.send_request(request.body(Full::new(call(2.0))).unwrap());
    let answer = tokio::spawn(answer);
    busy.until(QueueLoad { waiting: 1, running: 1 }).await;
    busy.fake.open_gate();
    let body = in_time(answer).await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    let message = ModelInferResponse::decode(&body[5..]).unwrap();
    assert_eq!(message.raw_output_contents[0], [4.0_f32, 0.0].map(f32::to_le_bytes).concat());
    assert!(busy.running.await.unwrap().starts_with("HTTP/1.1 200 "));
    assert!(busy.seen.0.lock().unwrap().is_empty());
}
