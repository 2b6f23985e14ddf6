//! Runs the startup function on a thread of its own, against its deadline, the first failure, and the word to stop.

use std::sync::Arc;
use std::time::Duration;

use loadonce_core::status::{ComponentStatus, Snapshot, Stage, StatusView};
use tokio::sync::oneshot;

use super::{Shared, Startup};
use crate::error::{Failed, StartupError, StartupErrorKind};
use crate::panic::caught;

/// The bounds of a startup.
pub(crate) struct Bounds<'a, D> {
    pub(crate) deadline: Option<Duration>,
    pub(crate) keep_going: bool,
    pub(crate) interrupted: D,
    pub(crate) status: &'a StatusView,
}

/// Runs the startup function; succeeds only when it has returned and every declared component is ready, or has failed
/// and is tolerated.
pub(crate) async fn start_up<S, F, D>(shared: &Arc<Shared>, startup: F, bounds: Bounds<'_, D>) -> Result<S, Failed>
where
    S: Send + 'static,
    F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
    D: Future<Output = ()>,
{
    // Dropped with this future: the thread then drops the startup function and with it what it was waiting for. The
    // snapshot of a failure is taken before, so that it shows what was loading as loading.
    let (_keep_waiting, nobody_waits) = oneshot::channel();
    let Bounds { deadline, keep_going, interrupted, status } = bounds;
    let outcome = match on_thread(shared, startup, nobody_waits) {
        Err(error) => Err(error),
        Ok(outcome) => tokio::select! {
            biased;
            () = interrupted => Err(told_to_stop()),
            result = outcome => result.unwrap_or_else(|_| Err(StartupError::new("the startup thread ended"))),
            error = shared.first_failure(), if !keep_going => Err(error),
            () = sleep(deadline) => Err(timed_out(deadline, &status.snapshot())),
        },
    };
    let snapshot = status.snapshot();
    match outcome.and_then(|state| all_ready(state, &snapshot, keep_going)) {
        Ok(state) => Ok(state),
        Err(error) => Err(Failed { error, snapshot }),
    }
}

/// On a thread, not a task: a startup function that blocks then blocks neither the probes nor its own deadline.
fn on_thread<S, F>(
    shared: &Arc<Shared>,
    startup: F,
    nobody_waits: oneshot::Receiver<()>,
) -> Result<oneshot::Receiver<Result<S, StartupError>>, StartupError>
where
    S: Send + 'static,
    F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let shared = Arc::clone(shared);
    let work = move || {
        let runtime = shared.runtime.clone();
        let given = Startup::new(shared);
        let result = caught(|| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = nobody_waits => None,
                    result = startup(&given) => Some(result),
                }
            })
        });
        let result = result.unwrap_or_else(|message| Some(Err(StartupError::panicked(None, message))));
        // Without a result, or with no receiver, nobody waits.
        drop(result.map(|result| sender.send(result)));
    };
    std::thread::Builder::new().name("startup".to_owned()).spawn(work)?;
    Ok(receiver)
}

async fn sleep(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline).await,
        None => std::future::pending().await,
    }
}

fn told_to_stop() -> StartupError {
    StartupError::told(StartupErrorKind::Interrupted, "told to stop while starting up".to_owned())
}

fn timed_out(deadline: Option<Duration>, snapshot: &Snapshot) -> StartupError {
    let waiting_for: Vec<_> = pending(snapshot).map(describe).collect();
    let waiting_for = match waiting_for.as_slice() {
        [] => "the startup function itself".to_owned(),
        pending => pending.join("; "),
    };
    let seconds = deadline.unwrap_or_default().as_secs_f64();
    let text = format!("startup did not finish within {seconds} s: waited for {waiting_for}");
    StartupError::told(StartupErrorKind::TimedOut, text)
}

fn all_ready<S>(state: S, snapshot: &Snapshot, keep_going: bool) -> Result<S, StartupError> {
    let is_tolerated = |component: &ComponentStatus| keep_going && component.stage == Stage::Failed;
    match pending(snapshot).find(|component| !is_tolerated(component)) {
        None => Ok(state),
        Some(component) => {
            let text = format!("startup returned before {} was ready", describe(component));
            Err(StartupError::told(StartupErrorKind::Unfinished, text))
        }
    }
}

fn pending(snapshot: &Snapshot) -> impl Iterator<Item = &ComponentStatus> {
    snapshot.components.iter().filter(|component| component.stage != Stage::Ready)
}

/// `'iris' (loading for 1.2 s, 10 of 40 bytes)`, `'pool' (failed: no route)`.
fn describe(component: &ComponentStatus) -> String {
    let ComponentStatus { name, stage, reason, .. } = component;
    let since = component.time_in(*stage).as_secs_f64();
    let bytes = match (component.bytes_read, component.bytes_total) {
        (0, 0) => String::new(),
        (read, 0) => format!(", {read} bytes"),
        (read, total) => format!(", {read} of {total} bytes"),
    };
    match reason {
        Some(reason) => format!("'{name}' ({stage}: {reason})"),
        None => format!("'{name}' ({stage} for {since:.1} s{bytes})"),
    }
}
