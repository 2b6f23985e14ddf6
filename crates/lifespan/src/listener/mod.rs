//! The listening sockets: taken before anything is loaded, and given up only when their queues are empty.

mod socket;
mod socket_file;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::socket::Accepted;
use crate::connection::Context;

pub(crate) use self::socket::ServerSocket;

/// The longest pause after a failure to accept.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a handshake that has begun may take to complete when the process stops.
const HANDSHAKE: Duration = Duration::from_millis(250);

/// Accepts the connections of all sockets and owns their tasks.
pub(crate) struct Listener {
    sockets: Vec<ServerSocket>,
    /// Which socket is asked first, so that a busy one does not starve the others.
    turn: usize,
    context: Context,
    permits: Arc<Semaphore>,
    connections: JoinSet<()>,
    failures: u32,
}

impl Listener {
    pub(crate) fn new(sockets: Vec<ServerSocket>, context: Context) -> Self {
        let permits = Arc::new(Semaphore::new(context.limits.max_connections.min(Semaphore::MAX_PERMITS)));
        Self { sockets, turn: 0, context, permits, connections: JoinSet::new(), failures: 0 }
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
        loop {
            tokio::select! {
                biased;
                () = &mut end => return,
                Some(ended) = self.connections.join_next(), if !self.connections.is_empty() => report(ended),
                accepted = accept(&self.sockets, self.turn, &self.permits) => {
                    self.turn = self.turn.wrapping_add(1);
                    if let Some(pause) = self.take(accepted)
                        && timeout(pause, &mut end).await.is_ok()
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Begins no new handshake, takes every connection whose handshake had begun, then closes the sockets. Peers whose
    /// handshake is complete believe that they are connected and may have sent their request; closing a socket over
    /// them would answer with a reset.
    async fn stop_accepting(&mut self) {
        self.sockets.iter().for_each(ServerSocket::refuse_new_peers);
        let (in_handshakes, at_once) =
            std::mem::take(&mut self.sockets).into_iter().partition::<Vec<_>, _>(ServerSocket::has_handshakes);
        self.close(at_once);
        self.sockets = in_handshakes;
        if !self.sockets.is_empty() {
            self.accept_until(sleep(HANDSHAKE)).await;
        }
        let rest = std::mem::take(&mut self.sockets);
        self.close(rest);
    }

    /// Closes sockets and takes every connection that the kernel has ready, also above the bound on connections.
    fn close(&mut self, sockets: Vec<ServerSocket>) {
        let backlog = self.context.limits.backlog;
        for (stream, peer) in sockets.into_iter().flat_map(|socket| socket.close(backlog)) {
            self.connections.spawn(self.context.clone().serve(stream, peer));
        }
    }

    /// Starts a connection; after a failure, returns how long to wait.
    fn take(&mut self, accepted: io::Result<(Accepted, OwnedSemaphorePermit)>) -> Option<Duration> {
        let ((stream, peer), permit) = match accepted {
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
    sockets: &[ServerSocket],
    turn: usize,
    permits: &Arc<Semaphore>,
) -> io::Result<(Accepted, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let accepted = poll_fn(|context| poll_accept(sockets, turn, context)).await?;
    Ok((accepted, permit))
}

/// A connection from whichever socket has one, beginning with the one whose turn it is.
fn poll_accept(sockets: &[ServerSocket], turn: usize, context: &mut task::Context<'_>) -> Poll<io::Result<Accepted>> {
    let first = turn.checked_rem(sockets.len()).unwrap_or(0);
    let in_turn = sockets[first..].iter().chain(&sockets[..first]);
    in_turn.map(|socket| socket.poll_accept(context)).find(Poll::is_ready).unwrap_or(Poll::Pending)
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
