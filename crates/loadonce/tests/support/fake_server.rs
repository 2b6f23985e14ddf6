//! A server of one model, `doubler`, that answers as a test says.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// The right answer.
    Right,
    /// A status and a body.
    Say(u16, &'static str),
    /// Nothing, until the client closes the connection.
    Hang,
    /// The connection is closed.
    Close,
}

/// The server, on a free port until the process ends.
pub(crate) struct FakeServer {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
}

const METADATA: &str = r#"{"name":"doubler","versions":["1"],"platform":"fake",
    "inputs":[{"name":"x","datatype":"FP32","shape":[-1]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1]}]}"#;

const RIGHT: &str = r#"{"model_name":"doubler","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[3.0]}]}"#;

impl FakeServer {
    /// `reply` says what becomes of each prediction by its number, from 0.
    pub(crate) fn start(reply: impl Fn(u64) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (reply, asked) = (Arc::new(reply), Arc::clone(&server.asked));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reply, asked) = (Arc::clone(&reply), Arc::clone(&asked));
                thread::spawn(move || serve(&mut BufReader::new(stream), &*reply, &asked));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Predictions asked for until now.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers on a connection until it ends.
fn serve(stream: &mut BufReader<TcpStream>, reply: &dyn Fn(u64) -> Reply, asked: &AtomicU64) -> io::Result<()> {
    while let Some(line) = request(stream)? {
        let answer = match line.as_str() {
            "GET /v2/models/doubler HTTP/1.1" => Reply::Say(200, METADATA),
            "POST /v2/models/doubler/infer HTTP/1.1" => reply(asked.fetch_add(1, Ordering::SeqCst)),
            _ => Reply::Say(404, r#"{"error":"not here"}"#),
        };
        let (status, body) = match answer {
            Reply::Right => (200, RIGHT),
            Reply::Say(status, body) => (status, body),
            Reply::Hang => return stream.read_to_end(&mut Vec::new()).map(|_| ()),
            Reply::Close => return Ok(()),
        };
        let length = body.len();
        write!(stream.get_mut(), "HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n\r\n{body}")?;
    }
    Ok(())
}

/// Reads a request; its first line, or nothing where the connection has ended.
fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => (),
            None => break,
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(Some(first.trim().to_owned()))
}
