//! The head of an HTTP/1.1 response.

use std::io;
use std::time::Duration;

use httparse::{Header, Status};
use loadonce_server::explain;
use loadonce_server::wire::v2::{Framing, HEADER_LENGTH};

/// More than any server sends.
const MOST_HEADERS: usize = 96;

/// What is read of a head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    /// Its bytes.
    pub(super) length: usize,
    pub(super) status: u16,
    pub(super) body: BodyLength,
    /// Whether the connection ends with this response.
    pub(super) closes: bool,
    /// How a v2 body is to be read.
    pub(super) framing: Framing,
    pub(super) explained: Explained,
}

/// How the end of a body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    Known(usize),
    Chunked,
    UntilClosed,
}

/// What the server said of a request that asked with `loadonce-explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) queue: Option<Duration>,
    pub(super) run: Option<Duration>,
    /// Requests that shared the run.
    pub(super) shared: Option<u32>,
}

impl Head {
    /// Reads the head at the start of `bytes`; nothing where it is not all there yet.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(bytes).map_err(|error| invalid(format!("the answer is not HTTP/1.1: {error}")))?;
        let Status::Complete(length) = parsed else { return Ok(None) };
        let status = response.code.unwrap_or_default();
        let mut head = Self {
            length,
            status,
            body: BodyLength::UntilClosed,
            closes: response.version == Some(0),
            framing: Framing::Json,
            explained: Explained::default(),
        };
        for header in response.headers.iter() {
            head.take(header)?;
        }
        if status < 200 || status == 204 || status == 304 {
            head.body = BodyLength::Known(0);
        }
        head.closes |= head.body == BodyLength::UntilClosed;
        Ok(Some(head))
    }

    fn take(&mut self, header: &Header<'_>) -> io::Result<()> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = header.value.trim_ascii();
        if is("content-length") && self.body != BodyLength::Chunked {
            self.body = BodyLength::Known(number(header)?);
        } else if is("transfer-encoding") && value.to_ascii_lowercase().ends_with(b"chunked") {
            self.body = BodyLength::Chunked;
        } else if is("connection") {
            self.closes =
                value.eq_ignore_ascii_case(b"close") || self.closes && !value.eq_ignore_ascii_case(b"keep-alive");
        } else if is(HEADER_LENGTH) {
            self.framing = Framing::Mixed(number(header)?);
        } else if is(explain::QUEUE) {
            self.explained.queue = Some(Duration::from_micros(number(header)?));
        } else if is(explain::RUN) {
            self.explained.run = Some(Duration::from_micros(number(header)?));
        } else if is(explain::BATCH) {
            self.explained.shared = Some(number(header)?);
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(header: &Header<'_>) -> io::Result<T> {
    let text = str::from_utf8(header.value).ok().map(str::trim);
    let wrong = || invalid(format!("the answer's {} is no number: '{}'", header.name, header.value.escape_ascii()));
    text.and_then(|text| text.parse().ok()).ok_or_else(wrong)
}

/// The error of an answer that breaks the protocol.
pub(super) fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn the_end_of_a_body_is_known_by_its_head() {
        let head = parse("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nloadonce-batch: 3\r\nloadonce-run-us: 7\r\n\r\n{}");
        assert_eq!((head.status, head.body, head.closes), (200, BodyLength::Known(12), false));
        assert_eq!((head.explained.shared, head.explained.run), (Some(3), Some(Duration::from_micros(7))));
        let chunked = parse("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\ncontent-length: 1\r\n\r\n");
        assert_eq!((chunked.body, chunked.closes), (BodyLength::Chunked, false));
        let old = parse("HTTP/1.0 200 OK\r\n\r\n");
        assert_eq!((old.body, old.closes), (BodyLength::UntilClosed, true));
        assert!(!parse("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n").closes);
        assert!(parse("HTTP/1.1 500 No\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n").closes);
        assert_eq!(parse("HTTP/1.1 204 No Content\r\n\r\n").body, BodyLength::Known(0));
    }

    #[test]
    fn half_a_head_is_waited_for_and_nonsense_is_refused() {
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        assert!(Head::parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n").is_err());
    }
}
