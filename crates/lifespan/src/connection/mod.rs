//! One connection, from accept to close.

mod activity;
mod answer;
mod body;
mod socket;
mod stream;
mod watchdog;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use self::activity::Activity;
use self::answer::Connection;
use self::body::Pace;
use self::socket::{Parking, Socket};
use self::watchdog::{Verdict, Watchdog};
use crate::address::Peer;
use crate::config::{Config, Drain, Limits};
use crate::observer::Observer;
use crate::orders::Orders;
use crate::shell::Shell;

pub(crate) use self::stream::Stream;

/// What every connection needs.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) shell: Arc<Shell>,
    pub(crate) orders: Orders,
    pub(crate) limits: Limits,
    pub(crate) drain: Drain,
    observer: Option<Arc<dyn Observer>>,
    builder: Arc<Builder<TokioExecutor>>,
}

impl Context {
    pub(crate) fn new(shell: Arc<Shell>, orders: Orders, config: &Config) -> Self {
        let Config { limits, drain, .. } = *config;
        let observer = config.observer.clone();
        let mut builder = Builder::new(TokioExecutor::new());
        let max_header_bytes = usize::try_from(limits.max_header_bytes).unwrap_or(usize::MAX);
        // hyper's own timeout would also close a connection that merely waits for its next request; the watchdog tells
        // the two apart.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            // Less than 8 KiB is a panic there.
            .max_buf_size(max_header_bytes.max(8192));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(limits.max_header_bytes)
            .max_pending_accept_reset_streams(limits.max_resets)
            .max_local_error_reset_streams(limits.max_resets)
            .keep_alive_interval(limits.ping_interval)
            .keep_alive_timeout(limits.ping_timeout)
            // WebSockets over HTTP/2 (RFC 8441).
            .enable_connect_protocol();
        Self { shell, orders, limits, drain, observer, builder: Arc::new(builder) }
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(self, stream: Stream, peer: Peer) {
        stream.prepare(self.limits.write_timeout);
        let parking = Parking::default();
        let activity = Arc::new(Activity::new());
        let socket = Socket::new(stream, Arc::clone(&activity), parking.clone());
        let (shell, orders) = (Arc::clone(&self.shell), self.orders.clone());
        let pace = Pace::of(&self.limits);
        let connection = Arc::new(Connection { shell, orders, activity, pace, peer, observer: self.observer.clone() });
        if self.drive(socket, &connection).await
            && let Some(stream) = parking.take()
        {
            close_in_stages(stream, self.drain.linger).await;
        }
    }

    /// Whether the connection came to a regular end.
    async fn drive(&self, socket: Socket, connection: &Arc<Connection>) -> bool {
        let service = service_fn(|request| Arc::clone(connection).answer(request));
        let mut http = pin!(self.builder.serve_connection_with_upgrades(TokioIo::new(socket), service));
        let mut watchdog = Watchdog::new(&connection.activity, &self.limits, self.drain.linger, self.orders.clone());
        let mut orders = self.orders.clone();
        loop {
            let closing_since = orders.closing_since();
            tokio::select! {
                biased;
                ended = http.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %connection.peer, error, "connection ended early");
                    }
                    return true;
                }
                verdict = poll_fn(|context| watchdog.poll_verdict(context)) => match verdict {
                    Verdict::Finish => http.as_mut().graceful_shutdown(),
                    Verdict::Cut => return false,
                },
                () = orders.changed_from(closing_since) => (),
            }
        }
    }
}

/// Closes the write side, then reads until the peer has closed too, for `linger` at most. Closing at once while bytes
/// of the peer are unread would make the kernel send a reset, which can take the last answer away from a peer that has
/// not read it yet (RFC 9112 section 9.6).
async fn close_in_stages(mut stream: Stream, linger: Duration) {
    if stream.shutdown().await.is_err() {
        return;
    }
    // Not in the future, which is as large from the start of the connection on.
    let mut discarded = vec![0; 4096];
    let until_closed = async { while matches!(stream.read(&mut discarded).await, Ok(1..)) {} };
    drop(timeout(linger, until_closed).await);
}
