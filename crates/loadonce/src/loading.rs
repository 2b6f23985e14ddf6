//! Loading models as part of an application's startup.

use std::sync::Arc;

use loadonce_core::ModelSpec;
use loadonce_core::loader::{Declared, Engines, LoadOptions, Loading, Serving};
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
    Ok(load_serving(startup, specs, engines, options).await?.registry())
}

/// The same, for who wants to load one of them anew later.
///
/// # Errors
/// As of [`load_models`].
pub async fn load_serving(
    startup: &Startup,
    specs: Vec<ModelSpec>,
    engines: &Arc<dyn Engines>,
    options: LoadOptions,
) -> Result<Arc<Serving>, StartupError> {
    let declare = |spec: ModelSpec| Declared { component: startup.declare(&spec.name), spec };
    let declared = specs.into_iter().map(declare).collect();
    let models = Loading::start(declared, engines, startup.status(), options.clone())?.finish().await?;
    let serving = Arc::new(Serving::new(models, Arc::clone(engines), startup.status(), options));
    let owner = Arc::clone(&serving);
    startup.on_stop("models", move || async move {
        // Unloading joins the sessions' threads, which may be busy.
        if tokio::task::spawn_blocking(move || owner.stop()).await.is_err() {
            tracing::error!("unloading the models panicked");
        }
    });
    Ok(serving)
}
