//! The HTTP shell of a model server, for any axum application: it takes its addresses first, builds what the application
//! needs exactly once, is never ready too early, and loses no request when it stops.
//!
//! The process' life is a row of types that consume each other, so that the wrong order does not compile:
//! [`Config`] `-> bind ->` [`Bound`] `-> load ->` [`Loaded`] `-> serve ->` [`Report`]. [`run()`] is all of it in one call,
//! with signals.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use axum::{Json, Router, extract::State, routing::get};
//! use loadonce_lifespan::{Config, Report, RunError, Startup, StartupError, run};
//!
//! /// Everything that requests share.
//! struct App {
//!     words: Vec<String>,
//! }
//!
//! /// Runs once, before the first request. Resources are built in parallel, each named, timed and reported.
//! async fn startup(startup: &Startup) -> Result<App, StartupError> {
//!     let words = startup.blocking("words", |progress| {
//!         let text = std::fs::read_to_string("/usr/share/dict/words")?;
//!         progress.advance(text.len() as u64);
//!         Ok::<_, std::io::Error>(text.lines().map(str::to_owned).collect())
//!     });
//!     Ok(App { words: words.await? })
//! }
//!
//! fn routes(app: App) -> Router {
//!     let count = async |State(app): State<Arc<App>>| Json(app.words.len());
//!     Router::new().route("/count", get(count)).with_state(Arc::new(app))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<Report, RunError> {
//!     run(Config::new(([0, 0, 0, 0], 8080)), startup, routes).await
//! }
//! ```
//!
//! # What is answered when
//!
//! | phase | `live` | `ready` | everything else |
//! | --- | --- | --- | --- |
//! | loading | 200 | 503, with every resource's state, bytes and reason | 503 with `Retry-After`; routes given to [`Config::bind_with`] |
//! | ready | 200 | 200 | the application's routes |
//! | draining | 200 | 503 | the application's routes |
//!
//! A resource that fails, panics, is dropped, or is not there at the deadline ends startup: [`Bound::load`] returns
//! [`Failed`], which says who and why, and keeps the error's type ([`StartupError::downcast_ref`]).
//!
//! # How it stops
//!
//! 1. `ready` says no. For [`Drain::delay`] everything else goes on as before.
//! 2. No new handshakes; who is in the kernel's queue is still taken. Every answer on HTTP/1 says `Connection: close`,
//!    HTTP/2 gets GOAWAY. An idle connection stays open for [`Drain::linger`], for the request that may be on its way.
//! 3. What is in flight has [`Drain::timeout`] to finish; what has not finished then is cut off, and counted.
//! 4. The application's state is dropped, the functions given to [`Startup::on_stop`] run, the last one first.
//!
//! Connections that were upgraded (to WebSocket, say) belong to the handler that upgraded them; the drain does not wait for them.
//!
//! # A handler cannot run before its model is loaded
//!
//! Routes are made from what startup returned. There is no other way to serve:
//!
//! ```compile_fail,E0599
//! # use axum::Router;
//! # async fn example(config: loadonce_lifespan::Config) {
//! let bound = config.bind().await.unwrap();
//! bound.serve(|()| Router::new(), std::future::pending()).await; // `Bound` has no `serve`: load first
//! # }
//! ```
//!
//! and a route that needs a state which nobody built is no route that could be served:
//!
//! ```compile_fail,E0308
//! # use axum::{Router, extract::State, routing::get};
//! # use loadonce_lifespan::{Config, Startup};
//! # #[derive(Clone)]
//! # struct Model;
//! async fn predict(State(_model): State<Model>) {}
//!
//! # async fn example(config: Config) {
//! let loaded = config.bind().await.unwrap().load(async |_: &Startup| Ok(())).await.unwrap();
//! loaded.serve(|()| Router::new().route("/", get(predict)), std::future::pending()).await; // not `Router<Model>`
//! # }
//! ```
//!
//! # In tests
//!
//! [`testing::TestApp`] serves the same routes on a free port, after the real startup or with a state made by hand.

#![forbid(unsafe_code)]

mod address;
mod application;
mod config;
mod phases;
mod startup;
mod run;
mod shutdown;
mod report;
mod error;
mod shell;
mod health;
mod identity;
mod observer;
mod listener;
mod connection;
mod orders;
mod tally;
mod panic;
pub mod testing;

pub use loadonce_core::Progress;
pub use loadonce_core::status;

pub use self::address::{Address, Peer};
pub use self::application::Application;
pub use self::config::{Config, Drain, Limits, Paths};
pub use self::error::{BindError, Failed, RunError, StartupError, StartupErrorKind};
pub use self::identity::{Identity, TraceParent};
pub use self::observer::{Exchange, Observer};
pub use self::phases::{Bound, Loaded};
pub use self::report::Report;
pub use self::run::run;
pub use self::shutdown::{Shutdown, signals};
pub use self::startup::{Resource, Startup};
