//! For an application's own tests: the real thing on a free port, with the real startup or with a state made by hand.

use std::net::{Ipv4Addr, SocketAddr};

use loadonce_core::status::StatusView;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::address::Address;
use crate::application::Application;
use crate::config::Config;
use crate::error::{RunError, StartupError};
use crate::report::Report;
use crate::shutdown::Shutdown;
use crate::startup::Startup;

/// An application that serves on a free port of this machine until it is stopped or dropped.
#[derive(Debug)]
pub struct TestApp {
    address: SocketAddr,
    status: StatusView,
    stop: oneshot::Sender<()>,
    at_once: oneshot::Sender<()>,
    served: JoinHandle<Report>,
}

impl TestApp {
    /// Runs the real startup, then serves.
    ///
    /// # Errors
    ///
    /// When startup fails, as it would in production.
    pub async fn start<S, F, R, A>(startup: F, routes: R) -> Result<Self, RunError>
    where
        S: Send + 'static,
        F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
        R: FnOnce(S) -> A + Send + 'static,
        A: Into<Application>,
    {
        Self::with_config(Config::default(), startup, routes).await
    }

    /// Serves a state made by hand, with a fake in it, without any startup.
    ///
    /// # Errors
    ///
    /// When no port could be taken.
    pub async fn with_state<S, R, A>(state: S, routes: R) -> Result<Self, RunError>
    where
        S: Send + 'static,
        R: FnOnce(S) -> A + Send + 'static,
        A: Into<Application>,
    {
        Self::start(async move |_: &Startup| Ok(state), routes).await
    }

    /// Runs the real startup with other settings than the defaults; the address is replaced by a free port.
    ///
    /// # Errors
    ///
    /// When startup fails, as it would in production.
    pub async fn with_config<S, F, R, A>(config: Config, startup: F, routes: R) -> Result<Self, RunError>
    where
        S: Send + 'static,
        F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
        R: FnOnce(S) -> A + Send + 'static,
        A: Into<Application>,
    {
        let config = Config { listen: Config::new((Ipv4Addr::LOCALHOST, 0)).listen, ..config };
        let loaded = config.bind().await?.load(startup).await?;
        let address = loaded.addresses().iter().find_map(Address::tcp).expect("it listens on a TCP port");
        let status = loaded.status();
        let ((stop, stopped), (at_once, again)) = (oneshot::channel(), oneshot::channel());
        // A test that drops the app without stopping it stops it too.
        let shutdown = Shutdown::on(async { drop(stopped.await) }).at_once_on(async { drop(again.await) });
        let served = tokio::spawn(async move { loaded.serve(routes, shutdown).await });
        status.wait_until(|now| now.phase >= loadonce_core::status::Phase::Ready).await;
        Ok(Self { address, status, stop, at_once, served })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A handle that reads where everything stands.
    pub fn status(&self) -> StatusView {
        self.status.clone()
    }

    /// Drains and stops, as SIGTERM would.
    ///
    /// # Panics
    ///
    /// When the application's `routes` panicked.
    pub async fn stop(self) -> Report {
        let Self { stop, at_once: _wait, served, .. } = self;
        drop(stop);
        served.await.expect("the routes could be built")
    }
}
