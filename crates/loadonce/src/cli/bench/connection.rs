//! One HTTP/1.1 connection that asks, waits for the answer, and asks again.
//!
//! A client of this kind shares the cores with the server it measures. So requests are written beforehand and sent as they
//! are, one buffer takes all answers, and only what matters of a head is read: half of what `hyper`'s client takes a request.

use std::io;
use std::ops::Range;

use bytes::BytesMut;
use httparse::Status;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::head::{BodyLength, Head, invalid};

/// Room for an ordinary answer.
const ROOM: usize = 16 << 10;

/// Larger heads are no heads.
const MOST_HEAD_BYTES: usize = 64 << 10;

/// Larger answers are refused.
const MOST_BODY_BYTES: usize = 1 << 30;

/// A connection's transport.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection, for one request after the other.
pub(super) struct Connection {
    stream: Stream,
    /// What has come since the last request.
    buffer: BytesMut,
    /// The body of a chunked answer.
    chunks: Vec<u8>,
    /// Whether it can take another request.
    is_open: bool,
}

/// An answer, until the next request.
pub(super) struct Answer<'a> {
    pub(super) head: Head,
    pub(super) body: &'a [u8],
}

/// Where the body of an answer lies.
enum Place {
    Buffer(Range<usize>),
    Chunks,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(ROOM), chunks: Vec::new(), is_open: true }
    }

    /// Whether it can take another request: the server may have said that it closes, or closed while nothing was asked.
    pub(super) fn is_open(&self) -> bool {
        self.is_open && self.stream.is_quiet()
    }

    /// Sends a request and reads its answer. A connection whose exchange failed, or was dropped, is of no more use.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.buffer.clear();
        self.is_open = false;
        let sent = self.stream.write_all(request).await;
        let (head, place) = match self.receive().await {
            Ok(answer) => answer,
            Err(error) => return Err(sent.err().unwrap_or(error)),
        };
        // A server may refuse a request of which it has not read the rest.
        self.is_open = sent.is_ok() && !head.closes;
        let body = match place {
            Place::Buffer(range) => &self.buffer[range],
            Place::Chunks => &self.chunks,
        };
        Ok(Answer { head, body })
    }

    async fn receive(&mut self) -> io::Result<(Head, Place)> {
        let (start, head) = self.head().await?;
        let start = start + head.length;
        let place = match head.body {
            BodyLength::Known(length) if length > MOST_BODY_BYTES => {
                return Err(invalid(format!("the answer has {length} bytes, at most {MOST_BODY_BYTES} are read")));
            }
            BodyLength::Known(length) => {
                self.fill(start + length).await?;
                Place::Buffer(start..start + length)
            }
            BodyLength::Chunked => {
                self.chunks(start).await?;
                Place::Chunks
            }
            BodyLength::UntilClosed => {
                while self.buffer.len() < MOST_BODY_BYTES && self.stream.read(&mut self.buffer).await? > 0 {}
                Place::Buffer(start..self.buffer.len())
            }
        };
        Ok((head, place))
    }

    /// The head of the answer and where it starts, behind interim responses (RFC 9110, section 15.2).
    async fn head(&mut self) -> io::Result<(usize, Head)> {
        let mut start = 0;
        loop {
            let parsed = if self.buffer.len() > start { Head::parse(&self.buffer[start..])? } else { None };
            match parsed {
                Some(head) if head.status < 200 => start += head.length,
                Some(head) => return Ok((start, head)),
                None if self.buffer.len() > MOST_HEAD_BYTES => return Err(invalid("the answer's head has no end")),
                None => self.more().await?,
            }
        }
    }

    /// Reads chunks (RFC 9112, section 7.1) from `position` in the buffer on.
    async fn chunks(&mut self, mut position: usize) -> io::Result<()> {
        self.chunks.clear();
        loop {
            let parsed = httparse::parse_chunk_size(&self.buffer[position..]);
            let Status::Complete((length, size)) = parsed.map_err(|_| invalid("a chunk of the answer has no size"))?
            else {
                self.more().await?;
                continue;
            };
            position += length;
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size > MOST_BODY_BYTES - self.chunks.len() {
                return Err(invalid(format!("the answer is longer than {MOST_BODY_BYTES} bytes")));
            }
            if size == 0 {
                return self.trailers(position).await;
            }
            self.fill(position + size + CRLF.len()).await?;
            self.chunks.extend_from_slice(&self.buffer[position..position + size]);
            position += size + CRLF.len();
        }
    }

    /// Passes over the lines behind the last chunk, of which the last one is empty.
    async fn trailers(&mut self, mut position: usize) -> io::Result<()> {
        loop {
            let rest = &self.buffer[position..];
            match rest.windows(CRLF.len()).position(|window| window == CRLF) {
                Some(0) => return Ok(()),
                Some(end) => position += end + CRLF.len(),
                None if rest.len() > MOST_HEAD_BYTES => return Err(invalid("the answer's trailers have no end")),
                None => self.more().await?,
            }
        }
    }

    /// Reads until the buffer has so many bytes.
    async fn fill(&mut self, total: usize) -> io::Result<()> {
        self.buffer.reserve(total.saturating_sub(self.buffer.len()));
        while self.buffer.len() < total {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read(&mut self.buffer).await? == 0 {
            let why = "the server closed the connection before the end of its answer";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        Ok(())
    }
}

const CRLF: &[u8] = b"\r\n";

impl Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Unix(stream) => stream.write_all(bytes).await,
        }
    }

    async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read_buf(buffer).await,
            Self::Unix(stream) => stream.read_buf(buffer).await,
        }
    }

    /// Whether nothing has come, the end included.
    fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let read = match self {
            Self::Tcp(stream) => stream.try_read(&mut byte),
            Self::Unix(stream) => stream.try_read(&mut byte),
        };
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these bytes, which arrive in two parts cut at each place.
    async fn read(answer: &'static [u8]) -> Vec<(u16, Vec<u8>, bool)> {
        let mut read = Vec::new();
        for cut in 1..answer.len() {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let mut connection = Connection::new(Stream::Unix(ours));
            let server = tokio::spawn(async move {
                let mut theirs = theirs;
                let mut request = [0; 3];
                theirs.read_exact(&mut request).await.unwrap();
                theirs.write_all(&answer[..cut]).await.unwrap();
                tokio::task::yield_now().await;
                theirs.write_all(&answer[cut..]).await.unwrap();
            });
            let answer = connection.exchange(b"ask").await.unwrap();
            let (status, body) = (answer.head.status, answer.body.to_vec());
            read.push((status, body, connection.is_open));
            server.await.unwrap();
            assert!(!connection.is_open(), "the other side is gone");
        }
        read
    }

    #[tokio::test]
    async fn answers_are_read_whole_wherever_they_are_cut() {
        let cases: [(&[u8], u16, &[u8], bool); 4] = [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, b"hello", true),
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 No\r\nconnection: close\r\ncontent-length: 1\r\n\r\n!",
                429,
                b"!",
                false,
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nt: 1\r\n\r\n",
                200,
                b"hello",
                true,
            ),
            (b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello", false),
        ];
        for (answer, status, body, stays_open) in cases {
            for got in read(answer).await {
                assert_eq!(got, (status, body.to_vec(), stays_open), "{}", answer.escape_ascii());
            }
        }
    }

    #[tokio::test]
    async fn half_an_answer_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = tokio::spawn(async move {
            let mut theirs = theirs;
            let mut request = [0; 3];
            theirs.read_exact(&mut request).await.unwrap();
            theirs.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel").await.unwrap();
        });
        let mut connection = Connection::new(Stream::Unix(ours));
        let error = connection.exchange(b"ask").await.err().unwrap();
        assert!(error.to_string().contains("before the end of its answer"), "{error}");
        server.await.unwrap();
    }
}
