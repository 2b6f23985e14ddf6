//! An alarm clock that is as exact as the kernel's. That of the runtime counts in milliseconds, in which a small model
//! answers ten requests.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel, for one sleeper at a time.
pub(super) struct Alarm(AsyncFd<OwnedFd>);

const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Alarm {
    /// A timer of this thread's runtime.
    #[expect(
        deprecated,
        reason = "what its successor asks the caller to promise, the type of an owned descriptor does"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Sleeps until then.
    pub(super) async fn until(&mut self, time: Instant) -> io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: ZERO, it_value: spec(left) })?;
        loop {
            let mut ready = self.0.readable().await?;
            let mut expirations = [0; 8];
            match ready.try_io(|timer| Ok(rustix::io::read(timer, &mut expirations)?)) {
                Ok(read) => return read.map(|_| ()),
                Err(_would_block) => (),
            }
        }
    }
}

fn spec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() }
}
