//! When to stop: a first request that drains, a second one that does not wait.

use std::fmt;
use std::future::pending;
use std::io;
use std::pin::Pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

type Event = Pin<Box<dyn Future<Output = ()> + Send>>;

/// When to stop. Made from any future, or from the process' [`signals`].
pub struct Shutdown {
    asked: Option<Event>,
    again: Option<Event>,
}

/// Stops on the first SIGTERM or SIGINT, and at once on the second. From this call on these signals no longer end the
/// process by themselves.
///
/// # Errors
///
/// Of the operating system, when no handler can be installed.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn signals() -> io::Result<Shutdown> {
    let mut first = Listener::install()?;
    let mut both = Listener::install()?;
    let again = async move {
        both.next().await;
        both.next().await;
    };
    Ok(Shutdown::on(async move { first.next().await }).at_once_on(again))
}

/// Both signals as one stream.
struct Listener {
    terminate: Signal,
    interrupt: Signal,
}

impl Listener {
    fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}

impl Shutdown {
    /// Drains when `asked` resolves.
    pub fn on(asked: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { asked: Some(Box::pin(asked)), again: Some(Box::pin(pending())) }
    }

    /// Ends a drain that is under way when `again` resolves.
    #[must_use]
    pub fn at_once_on(mut self, again: impl Future<Output = ()> + Send + 'static) -> Self {
        self.again = Some(Box::pin(again));
        self
    }

    /// Resolves when asked to stop, and from then on always.
    pub(crate) async fn asked(&mut self) {
        resolve(&mut self.asked).await;
    }

    /// Resolves when asked to stop at once, and from then on always.
    pub(crate) async fn again(&mut self) {
        resolve(&mut self.again).await;
    }
}

impl<F: Future<Output = ()> + Send + 'static> From<F> for Shutdown {
    fn from(asked: F) -> Self {
        Self::on(asked)
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shutdown").field("asked", &self.asked.is_none()).finish_non_exhaustive()
    }
}

/// Awaits an event that may have happened already; cancel-safe.
async fn resolve(event: &mut Option<Event>) {
    if let Some(pending) = event {
        pending.await;
        *event = None;
    }
}
