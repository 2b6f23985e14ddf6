//! The listening socket: taken before anything is loaded, and given up only when its queue is empty.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::Context;
use crate::error::BindError;

/// The longest pause after a failure to accept.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a handshake that has begun may take to complete when the process stops.
const HANDSHAKE: Duration = Duration::from_millis(250);

/// Accepts connections and owns their tasks.
pub(crate) struct Listener {
    /// `None` once closed.
    socket: Option<TcpListener>,
    context: Context,
    permits: Arc<Semaphore>,
    connections: JoinSet<()>,
    failures: u32,
}

/// Takes the address.
///
/// `SO_REUSEADDR` lets a restarted server take the port while old connections are in TIME-WAIT. `SO_REUSEPORT` is left
/// off: a second server on the same port would succeed and take half of the connections.
pub(crate) fn bind(address: SocketAddr, backlog: u32) -> Result<TcpListener, BindError> {
    let listen = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    };
    listen().map_err(|source| BindError { address, source })
}

impl Listener {
    pub(crate) fn new(socket: TcpListener, context: Context) -> Self {
        let permits = Arc::new(Semaphore::new(context.limits.max_connections.min(Semaphore::MAX_PERMITS)));
        Self { socket: Some(socket), context, permits, connections: JoinSet::new(), failures: 0 }
    }

    /// Serves until told to close, then until every connection is done or told to cut; returns how many were cut.
    pub(crate) async fn run(mut self) -> usize {
        let mut orders = self.context.orders.clone();
        self.accept_until(orders.closing()).await;
        tokio::select! {
            biased;
            () = orders.cut() => (),
            () = async {
                self.stop_accepting().await;
                while let Some(ended) = self.connections.join_next().await {
                    report(ended);
                }
            } => (),
        }
        let cut = self.connections.len();
        self.connections.shutdown().await;
        cut
    }

    async fn accept_until(&mut self, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        while let Some(socket) = &self.socket {
            tokio::select! {
                biased;
                () = &mut end => return,
                Some(ended) = self.connections.join_next(), if !self.connections.is_empty() => report(ended),
                accepted = accept(socket, &self.permits) => {
                    if let Some(pause) = self.take(accepted)
                        && timeout(pause, &mut end).await.is_ok()
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Begins no new handshake, takes every connection whose handshake had begun, then closes the socket. Peers whose
    /// handshake is complete believe that they are connected and may have sent their request; closing the socket over
    /// them would answer with a reset.
    async fn stop_accepting(&mut self) {
        if let Some(socket) = &self.socket {
            ignore_new_peers(socket);
            self.accept_until(sleep(HANDSHAKE)).await;
        }
        if let Some(Ok(socket)) = self.socket.take().map(TcpListener::into_std) {
            empty_queue(&socket, &self.context, &mut self.connections);
        }
    }

    /// Starts a connection; after a failure, returns how long to wait.
    fn take(&mut self, accepted: io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)>) -> Option<Duration> {
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let pause = pause(&error, self.failures)?;
                self.failures += 1;
                tracing::warn!(%error, ?pause, "cannot accept connections, trying again");
                return Some(pause);
            }
        };
        self.failures = 0;
        let connection = self.context.clone().serve(stream, peer);
        self.connections.spawn(async move {
            connection.await;
            drop(permit);
        });
        None
    }
}

/// Waits for room, then for a connection; cancel-safe.
async fn accept(
    socket: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, permit))
}

/// How long to wait after a failure to accept, the `failures`th in a row; `None` where only that one connection failed.
/// Out of file descriptors, an immediate retry would fail again and take a whole core.
fn pause(error: &io::Error, failures: u32) -> Option<Duration> {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::Interrupted => None,
        _ => Some(Duration::from_millis(10 << failures.min(7)).min(LONGEST_PAUSE)),
    }
}

/// Lets the kernel drop every packet that would begin a handshake; the peer repeats it after a second, and is refused
/// then. Other packets pass, so that handshakes under way are completed. Where this is not to be had, a peer whose
/// handshake completes between the last look into the queue and the close is reset.
#[cfg(target_os = "linux")]
fn ignore_new_peers(socket: &TcpListener) {
    // Classic BPF, `linux/bpf_common.h`. A filter on a TCP socket sees the packet from the TCP header on; its byte 13
    // holds the flags (RFC 9293 section 3.1).
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    let program = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    if let Err(error) = SockRef::from(socket).attach_filter(&program) {
        tracing::debug!(%error, "cannot hold new peers back while closing the listener");
    }
}

#[cfg(not(target_os = "linux"))]
fn ignore_new_peers(_socket: &TcpListener) {}

/// Takes every connection that the kernel has ready, also above the bound on connections.
fn empty_queue(socket: &std::net::TcpListener, context: &Context, connections: &mut JoinSet<()>) {
    for _ in 0..context.limits.backlog {
        let Ok((stream, peer)) = socket.accept() else { return };
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            connections.spawn(context.clone().serve(stream, peer));
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_descriptors_it_waits_longer_each_time_up_to_a_second() {
        const EMFILE: i32 = 24;
        let error = io::Error::from_raw_os_error(EMFILE);
        let pauses: Vec<_> =
            [0, 1, 6, 7, 40].iter().map(|failures| pause(&error, *failures).unwrap().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 640, 1000, 1000]);
    }

    #[test]
    fn one_lost_connection_does_not_delay_the_next() {
        assert_eq!(pause(&io::ErrorKind::ConnectionAborted.into(), 0), None);
    }
}
