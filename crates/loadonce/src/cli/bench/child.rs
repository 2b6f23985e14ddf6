//! A server of one's own: this program as a child process, for as long as it is asked.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::cli::Failure;
use crate::cli::exit::Exit;

/// Time until the server says where it listens, which it does before it loads anything.
const TO_LISTEN: Duration = Duration::from_secs(30);

/// Time until it has stopped, beyond its own for requests under way.
const TO_STOP: Duration = Duration::from_mins(1);

/// Events that may wait to be looked at; more are dropped, as only the first and the last ones matter.
const EVENTS: usize = 256;

/// How often an end is looked for.
const TICK: Duration = Duration::from_millis(5);

/// The server, killed and waited for when it is let go.
pub(super) struct OwnServer {
    child: Child,
    events: mpsc::Receiver<Event>,
    /// What it said of its failure.
    errors: Vec<String>,
    address: SocketAddr,
    /// From the start of the process until it was ready.
    pub(super) startup: Duration,
}

/// A line of the server's log.
#[derive(Debug, Deserialize)]
struct Event {
    message: String,
    address: Option<String>,
    /// Of its last words.
    exit_code: Option<u8>,
}

impl OwnServer {
    /// Starts a server for models on a free port, and waits until it is ready.
    pub(super) async fn start(paths: &[String], flags: &[OsString]) -> Result<Self, Failure> {
        let started = Instant::now();
        let cannot = |error: std::io::Error| Failure::new(Exit::Internal, format!("cannot start the server: {error}"));
        let program = std::env::current_exe().map_err(cannot)?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .args(paths)
            .args(["--host", "127.0.0.1", "--port", "0", "--no-grpc", "--log", "json"])
            .args(flags)
            // Its log says what happens here, and must not be filtered.
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for this process, which then stops the server.
            .process_group(0);
        let mut child = command.spawn().map_err(cannot)?;
        let events = child.stderr.take().map_or_else(|| mpsc::channel(1).1, read_events);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, events, errors: Vec::new(), address, startup: Duration::ZERO };
        let listening = timeout(TO_LISTEN, server.until("listening")).await;
        let listening =
            listening.map_err(|_| Failure::new(Exit::Internal, "the server does not say where it listens"))??;
        let address = listening.address.and_then(|address| address.parse().ok());
        let unclear = || Failure::new(Exit::Internal, "the server listens at no port; leave --port and --uds to bench");
        server.address = address.ok_or_else(unclear)?;
        server.until("ready").await?;
        server.startup = started.elapsed();
        Ok(server)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Why it ended, if it did, which it should not.
    pub(super) async fn failure(&mut self) -> Option<Failure> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(self.failed(status).await)
    }

    /// Tells it to stop, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let told = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let ended = timeout(TO_STOP, self.ended()).await;
        match (told, ended) {
            (Ok(()), Ok(status)) if status.is_some_and(|status| status.success()) => Ok(()),
            (_, Ok(Some(status))) => Err(self.failed(status).await),
            _ => {
                Err(Failure::new(Exit::Internal, format!("the server did not stop within {TO_STOP:?}; it was killed")))
            }
        }
    }

    async fn ended(&mut self) -> Option<ExitStatus> {
        loop {
            match self.child.try_wait() {
                Ok(None) => sleep(TICK).await,
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Waits for an event; the end of the server is its failure.
    async fn until(&mut self, message: &str) -> Result<Event, Failure> {
        while let Some(event) = self.events.recv().await {
            if event.message == message {
                return Ok(event);
            }
            self.note(event);
        }
        match self.ended().await {
            Some(status) => Err(self.failed(status).await),
            None => Err(Failure::new(Exit::Internal, "cannot wait for the server")),
        }
    }

    fn note(&mut self, event: Event) {
        if event.exit_code.is_some() {
            self.errors.push(event.message);
        }
    }

    /// The server's own words, with its own exit code.
    async fn failed(&mut self, status: ExitStatus) -> Failure {
        // Its pipe is closed, so that all that it said arrives.
        while let Some(event) = self.events.recv().await {
            self.note(event);
        }
        if self.errors.is_empty() {
            self.errors.push(format!("the server ended with {status}"));
        }
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Failure::new(code.and_then(Exit::from_code).unwrap_or(Exit::Internal), self.errors.join("\n"))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end, so that the server never waits for a reader. What is no event are last words too: of the
/// arguments' parser, or of a panic.
fn read_events(pipe: ChildStderr) -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(EVENTS);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok).filter(|line| !line.is_empty()) {
            let event = serde_json::from_slice(&line).unwrap_or_else(|_| Event::of_text(&line));
            // When nobody listens any more, it is read all the same.
            let _ = sender.try_send(event);
        }
    });
    receiver
}

impl Event {
    fn of_text(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let message = text.strip_prefix("error: ").unwrap_or(&text).to_owned();
        Self { message, address: None, exit_code: Some(Exit::Internal.code()) }
    }
}
