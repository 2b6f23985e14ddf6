//! What the listener and its connections are told: go on, finish, stop now.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Gives the orders; dropped, it cuts everything.
#[derive(Debug)]
pub(crate) struct Commander {
    order: watch::Sender<Order>,
    closing: Arc<OnceLock<Instant>>,
}

/// Follows the orders; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    order: watch::Receiver<Order>,
    /// What every request asks, apart from the channel and its lock.
    closing: Arc<OnceLock<Instant>>,
    linger: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    Close,
    Cut,
}

impl Commander {
    pub(crate) fn new(linger: Duration) -> (Self, Orders) {
        let (sender, order) = watch::channel(Order::Serve);
        let closing = Arc::default();
        (Self { order: sender, closing: Arc::clone(&closing) }, Orders { order, closing, linger })
    }

    /// No new connections; those open finish what they have.
    pub(crate) fn close(&self) {
        self.closing.get_or_init(Instant::now);
        self.order.send_replace(Order::Close);
    }

    /// Everything ends now.
    pub(crate) fn cut(&self) {
        self.order.send_replace(Order::Cut);
    }
}

impl Drop for Commander {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Orders {
    /// Since when the process has stopped accepting.
    pub(crate) fn closing_since(&self) -> Option<Instant> {
        self.closing.get().copied()
    }

    /// Whether the process has been closing for longer than connections linger.
    pub(crate) fn has_lingered(&self) -> bool {
        self.closing_since().is_some_and(|since| since.elapsed() >= self.linger)
    }

    /// Resolves when [`Orders::closing_since`] is no longer what it was; cancel-safe.
    pub(crate) async fn changed_from(&mut self, before: Option<Instant>) {
        if self.order.wait_for(|order| *order == Order::Close && before.is_none()).await.is_err() {
            // The commander is gone: the listener cuts every connection.
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when no new connections are to be accepted.
    pub(crate) async fn closing(&mut self) {
        // An error means that the commander is gone, which is the last order.
        drop(self.order.wait_for(|order| *order != Order::Serve).await);
    }

    /// Resolves when everything is to end.
    pub(crate) async fn cut(&mut self) {
        drop(self.order.wait_for(|order| *order == Order::Cut).await);
    }
}
