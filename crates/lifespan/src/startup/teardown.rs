//! What is done in the end, the last registered first, each within its time.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::timeout;

use super::Shared;

type Stop = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// One function to call in the end.
pub(super) struct Teardown {
    name: String,
    stop: Stop,
}

impl Teardown {
    pub(super) fn new<F, O>(name: &str, stop: F) -> Self
    where
        F: FnOnce() -> O + Send + 'static,
        O: Future<Output = ()> + Send + 'static,
    {
        Self { name: name.to_owned(), stop: Box::new(move || Box::pin(stop())) }
    }

    /// Whether it finished in time.
    async fn run(self, shared: &Shared, bound: Duration) -> bool {
        // A task of its own, so that a panic ends this function only.
        let stop = self.stop;
        let mut task = shared.runtime.spawn(async move { stop().await });
        let ended = timeout(bound, &mut task).await;
        match ended {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => tracing::error!(name = self.name, %error, "teardown panicked"),
            Err(_) => tracing::error!(name = self.name, ?bound, "teardown did not finish in time"),
        }
        task.abort();
        false
    }
}

/// Runs everything registered, the last first, each within `bound`, until `at_once` resolves; returns the names of
/// those that did not finish.
pub(crate) async fn tear_down(shared: &Shared, bound: Duration, at_once: impl Future<Output = ()>) -> Vec<String> {
    let mut at_once = std::pin::pin!(at_once);
    let mut unfinished = Vec::new();
    loop {
        let Some(next) = shared.left().teardown.pop() else { return unfinished };
        let name = next.name.clone();
        let finished = tokio::select! {
            biased;
            () = &mut at_once => false,
            finished = next.run(shared, bound) => finished,
        };
        if !finished {
            unfinished.push(name);
        }
    }
}

impl fmt::Debug for Teardown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Teardown").field(&self.name).finish()
    }
}
