//! One listening socket of either kind: taken, asked for connections, emptied and closed.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::socket_file::{self, SocketFile};
use crate::address::{Address, Peer};
use crate::connection::Stream;
use crate::error::BindError;

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum ServerSocket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A connection as the kernel gives it.
pub(crate) type Accepted = (Stream, Peer);

impl ServerSocket {
    /// Takes the address.
    pub(crate) fn bind(address: &Address, backlog: u32) -> Result<Self, BindError> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        let socket = match address {
            Address::Tcp(address) => bind_tcp(*address, backlog).map(Self::Tcp),
            Address::Unix(path) => socket_file::bind(path, backlog).map(|(listener, file)| Self::Unix(listener, file)),
        };
        socket.map_err(|source| BindError { address: address.clone(), source })
    }

    /// The address taken, with the port that port 0 became.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => Ok(Address::Tcp(listener.local_addr()?)),
            Self::Unix(_, file) => Ok(Address::Unix(file.path().to_owned())),
        }
    }

    /// A connection, once there is one.
    pub(crate) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        Poll::Ready(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(context))?;
                Ok((Stream::Tcp(stream), Peer::Tcp(peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = ready!(listener.poll_accept(context))?;
                Ok((Stream::Unix(stream), Peer::Unix))
            }
        })
    }

    /// Whether connections come into being by packets that take their time, and not at once in the kernel.
    pub(crate) fn has_handshakes(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Lets no connection begin any more; those that the kernel has ready stay.
    pub(crate) fn refuse_new_peers(&self) {
        let refused = match self {
            Self::Tcp(listener) => ignore_handshakes(listener),
            // Peers are refused from here on, also those who have looked the file up already; the queue stays.
            Self::Unix(listener, _) => socket2::SockRef::from(listener).shutdown(std::net::Shutdown::Read),
        };
        if let Err(error) = refused {
            tracing::debug!(%error, "cannot hold new peers back while closing the listener");
        }
    }

    /// Closes the socket; what the kernel had ready comes out, at most `backlog` connections and the one above that
    /// Linux allows.
    pub(crate) fn close(self, backlog: u32) -> Vec<Accepted> {
        match self {
            Self::Tcp(listener) => listener.into_std().map_or_else(
                |_| Vec::new(),
                |listener| {
                    emptied(backlog, || {
                        let (stream, peer) = listener.accept()?;
                        stream.set_nonblocking(true)?;
                        Ok((Stream::Tcp(TcpStream::from_std(stream)?), Peer::Tcp(peer)))
                    })
                },
            ),
            Self::Unix(listener, _file) => listener.into_std().map_or_else(
                |_| Vec::new(),
                |listener| {
                    emptied(backlog, || {
                        let (stream, _) = listener.accept()?;
                        stream.set_nonblocking(true)?;
                        Ok((Stream::Unix(UnixStream::from_std(stream)?), Peer::Unix))
                    })
                },
            ),
        }
    }
}

/// What `accept` gives until it fails, as it does when the queue is empty.
fn emptied(backlog: u32, mut accept: impl FnMut() -> io::Result<Accepted>) -> Vec<Accepted> {
    (0..=backlog).map_while(|_| accept().ok()).collect()
}

/// `SO_REUSEADDR` lets a restarted server take the port while old connections are in TIME-WAIT. `SO_REUSEPORT` is left
/// off: a second server on the same port would succeed and take half of the connections.
fn bind_tcp(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Lets the kernel drop every packet that would begin a handshake; the peer repeats it after a second, and is refused
/// then. Other packets pass, so that handshakes under way are completed. Where this is not to be had, a peer whose
/// handshake completes between the last look into the queue and the close is reset.
#[cfg(target_os = "linux")]
fn ignore_handshakes(socket: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;
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
    socket2::SockRef::from(socket).attach_filter(&program)
}

#[cfg(not(target_os = "linux"))]
fn ignore_handshakes(_socket: &TcpListener) -> io::Result<()> {
    Ok(())
}
