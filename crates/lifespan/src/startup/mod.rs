//! What the application's startup function works with: resources built in parallel, and what to undo in the end.

mod resource;
mod runner;
mod teardown;

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loadonce_core::Progress;
use loadonce_core::status::{Board, Component, StatusView};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub use self::resource::Resource;
pub(crate) use self::runner::{Bounds, start_up};
pub(crate) use self::teardown::tear_down;

use self::teardown::Teardown;
use crate::error::StartupError;

/// Given to the startup function: starts resources, each named, timed and reported, and notes what to do in the end.
#[derive(Debug)]
pub struct Startup {
    shared: Arc<Shared>,
}

/// What startup leaves behind: everything that must be undone, in the order of creation.
#[derive(Debug)]
pub(crate) struct Shared {
    board: Arc<Board>,
    runtime: Handle,
    failure: watch::Sender<Option<StartupError>>,
    left: Mutex<Left>,
}

#[derive(Debug, Default)]
struct Left {
    components: Vec<Arc<Component>>,
    progress: Vec<Progress>,
    tasks: Vec<AbortHandle>,
    teardown: Vec<Teardown>,
}

impl Startup {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Builds a resource on a thread of its own, beginning at once; await the [`Resource`] to have its value. The
    /// function counts its bytes on the [`Progress`] and should give up when that is cancelled.
    pub fn blocking<T, E>(
        &self,
        name: &str,
        build: impl FnOnce(&Progress) -> Result<T, E> + Send + 'static,
    ) -> Resource<T>
    where
        T: Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        resource::on_thread(&self.shared, name, build)
    }

    /// Builds a resource on the async runtime, beginning at once; await the [`Resource`] to have its value. The future
    /// must not block.
    pub fn task<T, E>(&self, name: &str, future: impl Future<Output = Result<T, E>> + Send + 'static) -> Resource<T>
    where
        T: Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        resource::on_runtime(&self.shared, name, future)
    }

    /// Puts a component on the board for a caller who reports its stages by hand, and keeps it while it lives. Startup
    /// has not succeeded before it is ready.
    pub fn declare(&self, name: &str) -> Component {
        let component = self.shared.board.declare(name);
        self.shared.left().progress.push(component.progress().clone());
        component
    }

    /// Registers what is to be done in the end, when no request is left. The last registered runs first, each within
    /// [`Drain::teardown`](crate::Drain::teardown); also when startup fails afterwards.
    pub fn on_stop<F, O>(&self, name: &str, stop: F)
    where
        F: FnOnce() -> O + Send + 'static,
        O: Future<Output = ()> + Send + 'static,
    {
        self.shared.left().teardown.push(Teardown::new(name, stop));
    }

    /// A handle that reads where everything stands.
    pub fn status(&self) -> StatusView {
        self.shared.board.view()
    }
}

impl Shared {
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub(crate) fn new(board: Arc<Board>) -> Self {
        let (failure, _) = watch::channel(None);
        Self { board, runtime: Handle::current(), failure, left: Mutex::default() }
    }

    /// Resolves with the first resource's failure.
    pub(crate) async fn first_failure(&self) -> StartupError {
        let mut failures = self.failure.subscribe();
        let first = failures.wait_for(Option::is_some).await.map(|first| first.clone());
        match first {
            Ok(Some(error)) => error,
            // `self` holds the sender, so the channel cannot have closed.
            _ => std::future::pending().await,
        }
    }

    /// Tells everything that still loads that nobody waits for it any more.
    pub(crate) fn cancel(&self) {
        let left = self.left();
        left.progress.iter().for_each(Progress::cancel);
        left.tasks.iter().for_each(AbortHandle::abort);
    }

    /// Lets go of the components, the last declared first; they are reported as unloaded.
    pub(crate) fn release(&self) {
        let mut components = std::mem::take(&mut self.left().components);
        while components.pop().is_some() {}
    }

    fn report_failure(&self, error: &StartupError) {
        self.failure.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert_with(|| error.clone());
            is_first
        });
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
