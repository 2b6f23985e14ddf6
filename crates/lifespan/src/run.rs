//! A whole life in one call.

use crate::application::Application;
use crate::config::Config;
use crate::error::{RunError, StartupError};
use crate::report::Report;
use crate::shutdown::signals;
use crate::startup::Startup;

/// Binds, starts up, serves until SIGTERM or SIGINT, drains; a second signal ends the drain at once.
///
/// # Errors
///
/// When the process did not come up.
pub async fn run<S, F, A>(config: Config, startup: F, routes: impl FnOnce(S) -> A) -> Result<Report, RunError>
where
    S: Send + 'static,
    A: Into<Application>,
    F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
{
    let mut shutdown = signals().map_err(RunError::Signals)?;
    let bound = config.bind().await?;
    let loaded = bound.load_unless(startup, &mut shutdown).await?;
    Ok(loaded.serve(routes, shutdown).await)
}
