//! Ctrl-C and SIGTERM: the row under way ends, and what was measured is shown.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether somebody wants an end.
pub(super) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// From now on these signals do not end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
            sender.send_replace(true);
        });
        Ok(Self(receiver))
    }

    /// Resolves when the wish has come, and from then on always.
    pub(super) async fn came(&self) {
        let _ = self.0.clone().wait_for(|came| *came).await;
    }

    /// What comes of the work, unless the wish comes first.
    pub(super) async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.came() => None,
            done = work => Some(done),
        }
    }
}
