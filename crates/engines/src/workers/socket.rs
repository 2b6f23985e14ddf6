//! Pairs of sockets that keep datagrams apart and can hand descriptors over (`unix(7)`, `SOCK_SEQPACKET`, `SCM_RIGHTS`).

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, socketpair,
};

/// Descriptors in one datagram, at most.
const MOST_DESCRIPTORS: usize = 4;

/// The server's end of a pair.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// A pair; the other end is for a child process.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (own, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(own), other))
    }

    /// The end that a child process was given.
    pub(crate) fn given(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    pub(crate) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        send(&self.0, datagram, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Sends copies of descriptors along, four at most.
    pub(crate) fn send_with(&self, datagram: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        if !rights.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(ErrorKind::InvalidInput.into());
        }
        sendmsg(&self.0, &[IoSlice::new(datagram)], &mut rights, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next datagram; `None` once the other end is closed. Waits until `deadline`, and then says
    /// [`ErrorKind::TimedOut`].
    pub(crate) fn receive<'b>(&self, buffer: &'b mut [u8], deadline: Option<Instant>) -> io::Result<Option<&'b [u8]>> {
        loop {
            self.wait(deadline)?;
            match recv(&self.0, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Ok(None),
                Ok((length, _)) => return Ok(buffer.get(..length)),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::WouldBlock => (),
                    ErrorKind::ConnectionReset => return Ok(None),
                    _ => return Err(error.into()),
                },
            }
        }
    }

    /// The next datagram and the descriptors that came along; `None` once the other end is closed.
    pub(crate) fn receive_with<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<(&'b [u8], Vec<OwnedFd>)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(buffer)], &mut rights, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => (),
                Err(rustix::io::Errno::CONNRESET) => return Ok(None),
                received => break received?,
            }
        };
        let descriptors = rights.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors = descriptors.flatten().collect();
        Ok((received.bytes > 0).then_some((&buffer[..received.bytes], descriptors)))
    }

    /// Waits for a datagram or the end; [`ErrorKind::TimedOut`] if neither has come by `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], left.as_ref()) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => (),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_stay_apart_and_the_end_is_told() {
        let (own, other) = Socket::pair().unwrap();
        let other = Socket(other);
        let mut buffer = [0; 16];
        assert_eq!(own.receive(&mut buffer, Some(Instant::now())).unwrap_err().kind(), ErrorKind::TimedOut);
        other.send(b"ab").unwrap();
        other.send(b"c").unwrap();
        drop(other);
        let deadline = Some(Instant::now() + std::time::Duration::from_mins(1));
        for expected in [Some(&b"ab"[..]), Some(b"c"), None] {
            assert_eq!(own.receive(&mut buffer, deadline).unwrap(), expected);
        }
        assert!(own.send(b"d").is_err());
    }
}
