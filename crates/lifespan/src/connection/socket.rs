//! The stream under a connection: notes what is read from it, and comes back when the connection is done with it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;
use super::stream::Stream;

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Socket {
    /// `None` only while being dropped.
    stream: Option<Stream>,
    activity: Arc<Activity>,
    parking: Parking,
}

/// An answer that is no larger is written in one piece: to the kernel that is less work than a list of two, its head and
/// its body.
const SMALL: usize = 1024;

/// Where the stream is left when the connection is done with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Parking(Arc<Mutex<Option<Stream>>>);

impl Parking {
    pub(super) fn take(&self) -> Option<Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, stream: Option<Stream>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }
}

impl Socket {
    pub(super) fn new(stream: Stream, activity: Arc<Activity>, parking: Parking) -> Self {
        Self { stream: Some(stream), activity, parking }
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.activity.write_blocked(),
            Poll::Ready(Ok(_)) => self.activity.sent(),
            Poll::Ready(Err(_)) => (),
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// The slices one behind the other, if they fit.
fn gathered<'a>(slices: &[io::IoSlice<'_>], room: &'a mut [u8; SMALL]) -> Option<&'a [u8]> {
    let mut end = 0;
    for slice in slices {
        room.get_mut(end..end + slice.len())?.copy_from_slice(slice);
        end += slice.len();
    }
    Some(&room[..end])
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.parking.put(self.stream.take());
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.stream()?.poll_read(context, buffer);
        let received = &buffer.filled()[before..];
        if read.is_pending() {
            self.activity.found_empty();
        } else if !received.is_empty() {
            self.activity.received(received);
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(context, bytes);
        self.note(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut small = [0; SMALL];
        let written = match gathered(slices, &mut small) {
            Some(bytes) => self.stream()?.poll_write(context, bytes),
            None => self.stream()?.poll_write_vectored(context, slices),
        };
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
