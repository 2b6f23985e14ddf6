//! loadonce as a library: what an application needs that serves models of its own, and the parts of the program.
//!
//! The program is a thin layer over this: [`discover`](repository::discover) finds models on disk, [`InstalledEngines`]
//! chooses an engine for each, [`load_models`] brings them in under a [`lifespan`] shell, and [`server`] answers.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use loadonce::core::loader::{Engines, LoadOptions};
//! use loadonce::lifespan::{Config, Startup, StartupError, run};
//! use loadonce::server::{Api, Limits, Telemetry};
//! use loadonce::{InstalledEngines, load_models, repository};
//!
//! async fn startup(startup: &Startup) -> Result<Api, StartupError> {
//!     let specs = repository::discover(&["models".into()])?;
//!     let engines: Arc<dyn Engines> = Arc::new(InstalledEngines::new());
//!     let registry = load_models(startup, specs, &engines, LoadOptions::default()).await?;
//!     Ok(Api::new(registry, Telemetry::new(startup.status()), Limits::default()))
//! }
//!
//! # async fn start() {
//! let report = run(Config::default(), startup, Api::routes).await;
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod engines;
pub mod repository;
mod loading;

#[cfg(feature = "cli")]
pub mod cli;

pub use loadonce_core as core;
pub use loadonce_lifespan as lifespan;
pub use loadonce_server as server;

pub use self::engines::InstalledEngines;
pub use self::loading::{load_models, load_serving};
