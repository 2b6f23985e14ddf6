//! Why a process did not come up, each in one line: what, why, what to do.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use loadonce_core::status::Snapshot;

use crate::address::Address;

/// An address could not be taken.
#[derive(Debug)]
pub struct BindError {
    pub(crate) address: Address,
    pub(crate) source: io::Error,
}

/// Why startup failed. Made from any error by `?`; cheap to clone.
///
/// Like other catch-all errors it does not implement [`std::error::Error`] itself, so that `?` can make it from
/// everything that does; the cause is at [`StartupError::source`] and [`StartupError::downcast_ref`].
#[derive(Clone)]
pub struct StartupError(Arc<Inner>);

struct Inner {
    kind: StartupErrorKind,
    resource: Option<String>,
    cause: Cause,
}

enum Cause {
    Error(Box<dyn StdError + Send + Sync>),
    Text(String),
}

/// Kinds of startup failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartupErrorKind {
    /// The startup function or a resource returned an error.
    Failed,
    /// The startup function or a resource panicked.
    Panicked,
    /// Startup did not finish before its deadline.
    TimedOut,
    /// The startup function returned while a resource was not ready.
    Unfinished,
    /// The process was told to stop while it was starting up.
    Interrupted,
}

/// Startup failed; the sockets are closed and what was registered for teardown has run.
#[derive(Debug)]
pub struct Failed {
    pub(crate) error: StartupError,
    pub(crate) snapshot: Snapshot,
}

/// Why [`crate::run()`] ended without a report.
///
/// Its `Debug` form is its message, because that is what a `main` which returns it prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The process could not listen for signals.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    /// An address could not be taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Startup failed.
    #[error(transparent)]
    Startup(#[from] Failed),
}

impl BindError {
    /// The address asked for.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the operating system said, to branch on.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    fn advice(&self) -> &'static str {
        match (&self.address, self.source.kind()) {
            (Address::Tcp(_), io::ErrorKind::AddrInUse) => {
                "; another process listens there: stop it, or choose another port"
            }
            (Address::Tcp(_), io::ErrorKind::AddrNotAvailable) => {
                "; this machine has no such address: 0.0.0.0 or [::] takes all it has"
            }
            (Address::Tcp(_), io::ErrorKind::PermissionDenied) => {
                "; choose a port above 1023, or grant CAP_NET_BIND_SERVICE"
            }
            (Address::Unix(_), io::ErrorKind::AddrInUse) => {
                "; another process listens there: stop it, or choose another path"
            }
            (Address::Unix(_), io::ErrorKind::AlreadyExists) => "; remove it, or choose another path",
            (Address::Unix(_), io::ErrorKind::NotFound) => "; make the folder first",
            (Address::Unix(_), io::ErrorKind::PermissionDenied) => "; this user must be allowed to write in the folder",
            _ => "",
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot listen on {}: {}{}", self.address, self.source, self.advice())
    }
}

impl StdError for BindError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

impl StartupError {
    /// An error from a cause: another error, or a text.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::build(StartupErrorKind::Failed, None, Cause::Error(cause.into()))
    }

    pub(crate) fn of_resource(name: &str, cause: Box<dyn StdError + Send + Sync>) -> Self {
        Self::build(StartupErrorKind::Failed, Some(name), Cause::Error(cause))
    }

    pub(crate) fn panicked(resource: Option<&str>, message: String) -> Self {
        Self::build(StartupErrorKind::Panicked, resource, Cause::Text(message))
    }

    pub(crate) fn told(kind: StartupErrorKind, text: String) -> Self {
        Self::build(kind, None, Cause::Text(text))
    }

    fn build(kind: StartupErrorKind, resource: Option<&str>, cause: Cause) -> Self {
        Self(Arc::new(Inner { kind, resource: resource.map(str::to_owned), cause }))
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> StartupErrorKind {
        self.0.kind
    }

    /// The resource that failed, where it was one.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// The error that startup or the resource returned.
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::Error(error) => Some(error.as_ref()),
            Cause::Text(_) => None,
        }
    }

    /// The first error of type `E` in the chain of causes.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        std::iter::successors(self.source(), |error| StdError::source(*error)).find_map(|error| error.downcast_ref())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for StartupError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.resource, self.0.kind) {
            (Some(name), StartupErrorKind::Panicked) => write!(formatter, "'{name}' panicked: {}", self.0.cause),
            (None, StartupErrorKind::Panicked) => write!(formatter, "startup panicked: {}", self.0.cause),
            (Some(name), _) => write!(formatter, "'{name}' failed: {}", self.0.cause),
            (None, _) => self.0.cause.fmt(formatter),
        }
    }
}

impl fmt::Debug for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StartupError({:?}: {self})", self.0.kind)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(formatter),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

impl Failed {
    /// Why.
    pub fn error(&self) -> &StartupError {
        &self.error
    }

    /// Where every resource stood at that moment.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl StdError for Failed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // Display above prints this error's own message, so the chain continues below it.
        self.error.source().and_then(StdError::source)
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
