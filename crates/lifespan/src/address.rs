//! The two ends of a connection: where the process listens, and who comes.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// The file of a Unix domain socket, made by [`Config::bind`](crate::Config::bind) with mode 0660 and removed when
    /// the process stops accepting. A file that a dead process has left is replaced.
    Unix(PathBuf),
}

/// Who is at the other end of a connection. A handler finds it in the request's [`Identity`](crate::Identity), and over
/// TCP also as [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Over TCP, from that address.
    Tcp(SocketAddr),
    /// A process of this machine, over a Unix domain socket.
    Unix,
}

impl Address {
    /// The IP address and port, where it has one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The file, where it is one.
    pub fn unix(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    /// `127.0.0.1:8000` or `unix:/run/models.sock`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix => formatter.write_str("unix"),
        }
    }
}
