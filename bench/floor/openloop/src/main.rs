//! A load generator in open loop: it asks at a fixed rate, whatever the server does, as many independent clients would.
//!
//! A latency counts from the moment at which the request was due, so that a server that makes the generator wait does not
//! look better for it (G. Tene, "How NOT to Measure Latency"). All requests are the same one.

mod outcome;

use std::cell::RefCell;
use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinSet, LocalSet};

use self::outcome::{End, Outcome};

/// Asks a server over HTTP/1.1 at a fixed rate, and prints as JSON what came of it.
#[derive(Parser)]
struct Arguments {
    url: Uri,
    /// The body of every request
    #[arg(long)]
    body: PathBuf,
    /// NAME:VALUE
    #[arg(long = "header", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Requests a second
    #[arg(long)]
    rate: f64,
    #[arg(long)]
    seconds: f64,
    /// Seconds before these, which do not count
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Connections, opened before the start; a request that finds none free is not sent
    #[arg(long)]
    connections: usize,
}

type Connection = SendRequest<Full<Bytes>>;

/// What all requests share.
struct Client {
    free: RefCell<Vec<Connection>>,
    request: Request<Full<Bytes>>,
    outcome: RefCell<Outcome>,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME:VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("'{name}' is no name of a header"))?;
    let value = value.trim().parse().map_err(|_| format!("'{value}' is no value of a header"))?;
    Ok((name, value))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = LocalSet::new().block_on(&runtime, ask(&arguments))?;
    println!("{}", serde_json::to_string(&outcome.summary())?);
    Ok(())
}

async fn ask(arguments: &Arguments) -> Result<Outcome, Box<dyn Error>> {
    let authority = arguments.url.authority().ok_or("expected a URL with a host")?;
    let mut free = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        free.push(connect(authority.as_str()).await?);
    }
    let start = Instant::now() + Duration::from_secs_f64(arguments.warm_up);
    let window = start..start + Duration::from_secs_f64(arguments.seconds);
    let outcome = RefCell::new(Outcome::new(window));
    let client = Rc::new(Client { free: RefCell::new(free), request: request(arguments)?, outcome });
    send_all(&client, clock(arguments)).await;
    let outcome = Rc::into_inner(client).ok_or("a request is still under way")?.outcome;
    Ok(outcome.into_inner())
}

async fn connect(address: &str) -> Result<Connection, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}

fn request(arguments: &Arguments) -> Result<Request<Full<Bytes>>, Box<dyn Error>> {
    let path = arguments.url.path_and_query().map_or("/", |path| path.as_str());
    let host = arguments.url.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::post(path).header(http::header::HOST, host);
    for (name, value) in &arguments.headers {
        request = request.header(name, value);
    }
    Ok(request.body(Full::from(std::fs::read(&arguments.body)?))?)
}

/// The moments at which requests are due, each sent when it has come. A thread of its own, as the async runtime's timers
/// count in milliseconds.
#[expect(clippy::disallowed_methods, reason = "what is due has no other state to wait for than the time")]
fn clock(arguments: &Arguments) -> UnboundedReceiver<Instant> {
    let (sender, due) = unbounded_channel();
    let interval = Duration::from_secs_f64(1.0 / arguments.rate);
    let end = Instant::now() + Duration::from_secs_f64(arguments.warm_up + arguments.seconds);
    std::thread::spawn(move || {
        let mut next = Instant::now();
        while next < end && sender.send(next).is_ok() {
            next += interval;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    due
}

async fn send_all(client: &Rc<Client>, mut due: UnboundedReceiver<Instant>) {
    let mut under_way = JoinSet::new();
    while let Some(due) = due.recv().await {
        let connection = client.free.borrow_mut().pop();
        client.outcome.borrow_mut().sent(due, connection.is_some());
        if let Some(connection) = connection {
            under_way.spawn_local(send(Rc::clone(client), connection, due));
        }
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

async fn send(client: Rc<Client>, mut connection: Connection, due: Instant) {
    let end = exchange(&mut connection, client.request.clone()).await;
    client.outcome.borrow_mut().ended(due, end.unwrap_or(End::Broken));
    if connection.ready().await.is_ok() {
        client.free.borrow_mut().push(connection);
    }
}

async fn exchange(connection: &mut Connection, request: Request<Full<Bytes>>) -> hyper::Result<End> {
    let response = connection.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(match status {
        StatusCode::OK => End::Good,
        StatusCode::TOO_MANY_REQUESTS => End::Refused,
        _ => End::Broken,
    })
}
