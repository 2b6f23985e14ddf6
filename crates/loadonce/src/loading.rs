//! Loading models as part of an application's startup.

use std::sync::Arc;

use loadonce_core::ModelSpec;
use loadonce_core::loader::{Declared, Engines, LoadOptions, Loading};
use loadonce_core::registry::Registry;
use loadonce_lifespan::{Startup, StartupError};

/// Loads models under a lifespan shell: they are declared on its board, and unloaded when it tears down.
///
/// # Errors
/// The first model that could not be loaded, unless the options say to keep going; the
/// [`LoadError`](loadonce_core::LoadError) is its source.
pub async fn load_models(
    startup: &Startup,
    specs: Vec<ModelSpec>,
    engines: &Arc<dyn Engines>,
    options: LoadOptions,
) -> Result<Registry, StartupError> {
    let declare = |spec: ModelSpec| Declared { component: startup.declare(&spec.name), spec };
    let declared = specs.into_iter().map(declare).collect();
    let models = Loading::start(declared, engines, startup.status(), options)?.finish().await?;
    let registry = Registry::new(&models);
    startup.on_stop("models", move || async move {
        // Unloading joins the sessions' threads, which may be busy.
        if tokio::task::spawn_blocking(move || drop(models)).await.is_err() {
            tracing::error!("unloading the models panicked");
        }
    });
    Ok(registry)
}
