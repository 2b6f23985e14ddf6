//! A raw HTTP/1 client, so that tests decide on every byte, and the few things that every test needs.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::{Json, Router, routing::get};
use loadonce_lifespan::status::{Phase, StatusView};
use loadonce_lifespan::{Address, Bound, Config, Drain, Loaded, Report, Shutdown, Startup};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// Longer than any test takes; a test that waits for what never comes fails by it.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn within_deadline<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, test).await.expect("the test's deadline")
}

pub(crate) fn config() -> Config {
    Config::new(([127, 0, 0, 1], 0))
}

/// On a Unix domain socket in a folder of its own, which must live as long as the server.
pub(crate) fn unix_config() -> (TempDir, Config) {
    let folder = TempDir::new().unwrap();
    let listen = vec![Address::Unix(folder.path().join("socket"))];
    (folder, Config { listen, ..config() })
}

/// Whether nobody listens there: a port refuses, and the file of a socket is gone soon after it has refused.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
}

pub(crate) async fn bound() -> Bound {
    config().bind().await.unwrap()
}

pub(crate) async fn loaded(config: Config) -> Loaded<()> {
    config.bind().await.unwrap().load(async |_: &Startup| Ok(())).await.unwrap()
}

/// A server that serves, and its two signals.
pub(crate) struct Serving {
    pub(crate) address: Address,
    pub(crate) status: StatusView,
    pub(crate) ask: oneshot::Sender<()>,
    pub(crate) ask_again: oneshot::Sender<()>,
    pub(crate) report: JoinHandle<Report>,
}

pub(crate) async fn serving(drain: Drain, routes: Router) -> Serving {
    serving_with(Config { drain, ..config() }, routes).await
}

pub(crate) async fn serving_with(config: Config, routes: Router) -> Serving {
    serve(loaded(config).await, routes).await
}

pub(crate) async fn serve<S: Send + 'static>(loaded: Loaded<S>, routes: Router) -> Serving {
    let (address, status) = (loaded.addresses()[0].clone(), loaded.status());
    let ((ask, asked), (ask_again, again)) = (oneshot::channel(), oneshot::channel());
    let shutdown = Shutdown::on(async { drop(asked.await) }).at_once_on(async { drop(again.await) });
    let report = tokio::spawn(async move { loaded.serve(|_| routes, shutdown).await });
    status.wait_until(|now| now.phase == Phase::Ready).await;
    Serving { address, status, ask, ask_again, report }
}

impl Serving {
    /// As the first SIGTERM; the second signal never comes.
    pub(crate) async fn stop(self) -> Report {
        self.ask.send(()).unwrap();
        let report = self.report.await.unwrap();
        drop(self.ask_again);
        report
    }
}

/// A handler that says when a request is in it, and answers when it is let go.
#[derive(Clone)]
pub(crate) struct Gate {
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { entered: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    pub(crate) fn routes(&self) -> Router {
        let gate = self.clone();
        let held = move || async move {
            gate.entered.add_permits(1);
            gate.open.acquire().await.unwrap().forget();
            Json(json!("held"))
        };
        Router::new().route("/held", get(held)).route("/quick", get(async || Json(json!("quick"))))
    }

    /// Waits until one more request is in the handler.
    pub(crate) async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    pub(crate) fn let_go(&self, requests: usize) {
        self.open.add_permits(requests);
    }
}

pub(crate) struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

pub(crate) async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Tcp(address) => Box::new(TcpStream::connect(address).await?),
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

/// A connection of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    fn take_error(&self) -> io::Result<Option<io::Error>>;
}

impl Stream for TcpStream {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.take_error()
    }
}

impl Stream for UnixStream {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.take_error()
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: &Address) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub(crate) async fn try_connect(address: &Address) -> io::Result<Self> {
        Ok(Self { stream: connect(address).await?, received: Vec::new() })
    }

    pub(crate) fn of(stream: std::net::TcpStream) -> Self {
        stream.set_nonblocking(true).unwrap();
        Self { stream: Box::new(TcpStream::from_std(stream).unwrap()), received: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Sends a request without a body and reads its answer.
    pub(crate) async fn ask(&mut self, method: &str, path: &str) -> Answer {
        self.send(&format!("{method} {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.answer_to(method).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(&format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{body}")).await;
        self.answer().await.unwrap()
    }

    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        self.answer_to("GET").await
    }

    async fn answer_to(&mut self, method: &str) -> io::Result<Answer> {
        let head_end = loop {
            if let Some(at) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.receive().await?;
        };
        let head = String::from_utf8(self.received.drain(..head_end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = match method {
            "HEAD" => 0,
            _ if status == 204 => 0,
            _ => headers["content-length"].parse().unwrap(),
        };
        while self.received.len() < length {
            self.receive().await?;
        }
        Ok(Answer { status, headers, body: self.received.drain(..length).collect() })
    }

    /// Reads more; an end is an error here.
    pub(crate) async fn receive(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Waits until the server has closed, and proves that it did so without a reset and without another byte.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        // A reset behind the end of the stream shows here only.
        assert!(self.stream.take_error().unwrap().is_none());
        assert_eq!(String::from_utf8_lossy(&[self.received.as_slice(), &rest].concat()), "");
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn is_last(&self) -> bool {
        self.headers.get("connection").is_some_and(|value| value == "close")
    }
}

/// One request on a connection of its own.
pub(crate) async fn get_once(address: &Address, path: &str) -> Answer {
    Client::connect(address).await.get(path).await
}
