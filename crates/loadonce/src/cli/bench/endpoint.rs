//! Where a server listens.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::Uri;
use bytes::Bytes;
use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::connection::{Connection, Stream};

/// A server's address as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    host: String,
    port: u16,
    /// The path before those of the protocols, without a slash at its end.
    prefix: String,
}

/// A server's address, looked up once.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    socket: Socket,
    /// The header `host`.
    host: String,
    prefix: String,
}

/// What a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A request before it is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, Cow<'a, str>)],
    pub(super) body: &'a [u8],
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("expected a URL such as http://127.0.0.1:8000, got '{text}'{why}");
        let uri: Uri = text.parse().map_err(|_| wrong(""))?;
        match uri.scheme_str() {
            Some("http") => (),
            Some("https") => return Err(wrong("; TLS is not spoken, ask the server behind it")),
            _ => return Err(wrong("")),
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong(""))?;
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(80), prefix })
    }
}

impl Endpoint {
    /// Looks a name up; its first address is taken.
    pub(super) async fn resolve(url: &Url) -> io::Result<Self> {
        let Url { host, port, prefix } = url;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let address = lookup_host((name, *port)).await?.next();
        let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
        Ok(Self { socket: Socket::Tcp(address), host: format!("{host}:{port}"), prefix: prefix.clone() })
    }

    /// A Unix domain socket.
    pub(super) fn unix(path: PathBuf) -> Self {
        Self { socket: Socket::Unix(path), host: "localhost".to_owned(), prefix: String::new() }
    }

    /// What connections are made to.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Connects.
    pub(super) async fn connect(&self) -> io::Result<Connection> {
        Ok(Connection::new(match &self.socket {
            Socket::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Socket::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
        }))
    }

    /// A request as it goes over the wire.
    pub(super) fn write(&self, draft: Draft<'_>) -> Bytes {
        let Draft { method, path, headers, body } = draft;
        let Self { host, prefix, .. } = self;
        let mut head =
            format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat().into()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { socket: Socket::Tcp(address), host: address.to_string(), prefix: String::new() }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.socket {
            Socket::Tcp(_) => write!(formatter, "http://{}{}", self.host, self.prefix),
            Socket::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_have_a_path_and_lack_a_port() {
        let url = |host: &str, port, prefix: &str| Ok(Url { host: host.to_owned(), port, prefix: prefix.to_owned() });
        assert_eq!("http://127.0.0.1:8000".parse(), url("127.0.0.1", 8000, ""));
        assert_eq!("http://models.example/a/b/".parse(), url("models.example", 80, "/a/b"));
        assert_eq!("http://[::1]:9/".parse(), url("[::1]", 9, ""));
        for wrong in ["", "127.0.0.1:8000", "ftp://a", "https://a", "http://", "/a"] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
        assert!("https://a".parse::<Url>().unwrap_err().contains("TLS is not spoken"));
    }
}
