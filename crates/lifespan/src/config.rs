//! What the operator decides: where to listen, which paths answer probes, and every bound there is.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use loadonce_core::status::ReadyRules;

use crate::address::Address;
use crate::observer::Observer;

/// Settings of a process. Every wait and every queue of the shell has its bound here.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen: the same routes are served at each address. Without any, nobody is served.
    pub listen: Vec<Address>,
    /// The paths that the shell answers itself.
    pub paths: Paths,
    /// What readiness tolerates.
    pub rules: ReadyRules,
    /// How long startup may take; `None` waits for ever.
    pub startup_timeout: Option<Duration>,
    /// How to stop.
    pub drain: Drain,
    /// Bounds of the listener and its connections.
    pub limits: Limits,
    /// Who is told of every request once it is over, for an access log; nobody by default.
    pub observer: Option<Arc<dyn Observer>>,
    /// What resources are called in the readiness and startup reports.
    pub resources_key: &'static str,
}

/// The paths that the shell answers itself, before the application's routes.
#[derive(Clone, Debug)]
pub struct Paths {
    /// 200 from the first moment: the process is there.
    pub live: &'static str,
    /// 200 while requests should be sent here.
    pub ready: &'static str,
    /// Further paths that answer GET and HEAD as `ready` does, such as a hosting platform asks. Other methods on them are
    /// the application's.
    pub also_ready: Vec<String>,
    /// 200 once startup has finished, with its timings; `None` leaves the path to the application.
    pub startup: Option<&'static str>,
}

/// How to stop.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// How long requests are still accepted and answered as before, though `ready` says no: the time that a load
    /// balancer needs to notice.
    pub delay: Duration,
    /// How long everything may take after that; what is left then is cut off. Longer than `linger`, or idle connections
    /// are cut too.
    pub timeout: Duration,
    /// How long a connection stays open for what may already be on its way on it.
    pub linger: Duration,
    /// How long each teardown function may take.
    pub teardown: Duration,
}

/// Bounds of the listener and its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once. Further ones wait in the kernel's queue; only when the process stops, those already in
    /// that queue (at most `backlog`) are let in above this bound, to be answered.
    pub max_connections: usize,
    /// Connections that the kernel queues until they are accepted.
    pub backlog: u32,
    /// How long the head of a request may take, from its first byte to its last, and how long a new connection may
    /// stay silent.
    pub header_timeout: Duration,
    /// Bytes of a request's head; one that is larger, or that has more than 100 headers on HTTP/1, is answered 431. HTTP/1
    /// counts in steps of its buffer, from 8 KiB.
    pub max_header_bytes: u32,
    /// How long a request's body may be waited for, if less than `body_rate` comes; then it is answered 408.
    pub body_timeout: Duration,
    /// Bytes a second of a body; who sends at least so many may take as long as it takes, beyond `body_timeout`.
    pub body_rate: NonZeroU64,
    /// How long a connection may wait for its next request. Longer than the idle time of the load balancer in front, so
    /// that it is never the server that closes while a request is under way.
    pub idle_timeout: Duration,
    /// How long a peer may leave what was sent to it untaken; then its connection ends. On Linux the kernel keeps it
    /// too (`TCP_USER_TIMEOUT`), for what it has taken over.
    pub write_timeout: Duration,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams: u32,
    /// Requests on one HTTP/2 connection that were reset before they were begun, and that were reset because they broke
    /// the protocol; beyond either the connection ends (the "rapid reset" attack, CVE-2023-44487).
    pub max_resets: usize,
    /// After how much silence an HTTP/2 peer is asked whether it is there (PING, RFC 9113 section 6.7).
    pub ping_interval: Duration,
    /// How long it may take to answer that; then its connection ends.
    pub ping_timeout: Duration,
}

impl Config {
    /// The defaults, listening on a TCP port; port 0 takes a free one.
    pub fn new(listen: impl Into<SocketAddr>) -> Self {
        Self { listen: vec![Address::Tcp(listen.into())], ..Self::default() }
    }
}

impl Default for Config {
    /// Listens on 127.0.0.1:8080; an application without resources may be ready.
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)).into()],
            paths: Paths::default(),
            rules: ReadyRules { allow_empty: true, keep_going: false },
            startup_timeout: None,
            drain: Drain::default(),
            limits: Limits::default(),
            observer: None,
            resources_key: "resources",
        }
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self { live: "/health/live", ready: "/health/ready", also_ready: Vec::new(), startup: Some("/health/startup") }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            timeout: Duration::from_secs(30),
            linger: Duration::from_millis(500),
            teardown: Duration::from_secs(10),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            backlog: 1024,
            header_timeout: Duration::from_secs(30),
            max_header_bytes: 64 << 10,
            body_timeout: Duration::from_secs(30),
            body_rate: const { NonZeroU64::new(500).unwrap() },
            idle_timeout: Duration::from_mins(10),
            write_timeout: Duration::from_mins(1),
            max_streams: 256,
            max_resets: 100,
            ping_interval: Duration::from_mins(1),
            ping_timeout: Duration::from_secs(20),
        }
    }
}
