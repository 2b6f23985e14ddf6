//! One resource: built on a thread or a task of its own, reported on the board, handed over by awaiting it.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use loadonce_core::Progress;
use loadonce_core::status::{Component, Stage};
use tokio::sync::oneshot;

use super::Shared;
use crate::error::StartupError;
use crate::panic::{caught, caught_in};

/// A resource that is being built. Await it to have its value; drop it unawaited and it is given up and has failed.
#[must_use = "a resource that is dropped has failed; await it"]
pub struct Resource<T> {
    name: String,
    component: Arc<Component>,
    value: oneshot::Receiver<Result<T, StartupError>>,
    taken: bool,
}

/// The building side of a [`Resource`].
struct Builder<T> {
    name: String,
    component: Arc<Component>,
    shared: Arc<Shared>,
    value: oneshot::Sender<Result<T, StartupError>>,
}

pub(super) fn on_thread<T, E>(
    shared: &Arc<Shared>,
    name: &str,
    build: impl FnOnce(&Progress) -> Result<T, E> + Send + 'static,
) -> Resource<T>
where
    T: Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let (resource, builder) = pair(shared, name);
    let work = move || {
        let progress = builder.component.progress().clone();
        builder.finish(caught(|| build(&progress).map_err(Into::into)));
    };
    if let Err(error) = std::thread::Builder::new().name(thread_name(name)).spawn(work) {
        resource.component.fail(&format!("no thread could be started: {error}"));
        shared.report_failure(&StartupError::of_resource(name, error.into()));
    }
    resource
}

pub(super) fn on_runtime<T, E>(
    shared: &Arc<Shared>,
    name: &str,
    future: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Resource<T>
where
    T: Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let (resource, builder) = pair(shared, name);
    let task = shared.runtime.spawn(async move {
        let outcome = caught_in(future).await;
        builder.finish(outcome.map(|result| result.map_err(Into::into)));
    });
    shared.left().tasks.push(task.abort_handle());
    resource
}

fn pair<T>(shared: &Arc<Shared>, name: &str) -> (Resource<T>, Builder<T>) {
    let component = Arc::new(shared.board.declare(name));
    component.enter(Stage::Loading);
    {
        let mut left = shared.left();
        left.progress.push(component.progress().clone());
        left.components.push(Arc::clone(&component));
    }
    let (sender, receiver) = oneshot::channel();
    let resource = Resource { name: name.to_owned(), component: Arc::clone(&component), value: receiver, taken: false };
    (resource, Builder { name: name.to_owned(), component, shared: Arc::clone(shared), value: sender })
}

/// Linux shows the first 15 bytes of a thread's name, and none may hold a NUL.
fn thread_name(name: &str) -> String {
    name.replace('\0', "")
}

impl<T> Builder<T> {
    fn finish(self, outcome: Result<Result<T, Box<dyn StdError + Send + Sync>>, String>) {
        let result = match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(cause)) => Err(self.failed(&cause.to_string(), StartupError::of_resource(&self.name, cause))),
            Err(message) => {
                Err(self.failed(&format!("panicked: {message}"), StartupError::panicked(Some(&self.name), message)))
            }
        };
        if result.is_ok() {
            self.component.enter(Stage::Ready);
        }
        // A receiver that is gone has marked the component as failed itself.
        drop(self.value.send(result));
    }

    fn failed(&self, reason: &str, error: StartupError) -> StartupError {
        self.component.fail(reason);
        self.shared.report_failure(&error);
        error
    }
}

impl<T> Future for Resource<T> {
    type Output = Result<T, StartupError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = std::task::ready!(Pin::new(&mut self.value).poll(context));
        self.taken = true;
        Poll::Ready(outcome.unwrap_or_else(|_| {
            self.component.fail("ended without a value");
            Err(StartupError::of_resource(&self.name, "ended without a value".into()))
        }))
    }
}

impl<T> Drop for Resource<T> {
    fn drop(&mut self) {
        if !self.taken {
            self.component.progress().cancel();
            self.component.fail("given up: startup no longer waits for it");
        }
    }
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resource").field("name", &self.name).finish_non_exhaustive()
    }
}
