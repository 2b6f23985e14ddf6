//! The process' life as types that consume each other: [`Config`] binds, [`Bound`] loads, [`Loaded`] serves.

use std::sync::Arc;

use axum::Router;
use loadonce_core::status::{Board, Phase, StatusView};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};

use crate::address::Address;
use crate::application::Application;
use crate::config::Config;
use crate::connection::Context;
use crate::error::{BindError, Failed, StartupError};
use crate::health::Health;
use crate::listener::{Listener, ServerSocket};
use crate::orders::Commander;
use crate::report::Report;
use crate::shell::{self, Shell};
use crate::shutdown::Shutdown;
use crate::startup::{self, Bounds, Startup};
use crate::tally::Counts;

/// The socket is taken and probes are answered; nothing is loaded. Dropped, it closes its sockets.
#[derive(Debug)]
pub struct Bound(Server);

/// Startup has succeeded; its result waits for the routes. Dropped, it closes its sockets, without any teardown.
#[derive(Debug)]
pub struct Loaded<S> {
    server: Server,
    state: S,
}

/// What runs from bind to the end.
#[derive(Debug)]
struct Server {
    config: Config,
    addresses: Vec<Address>,
    board: Arc<Board>,
    shell: Arc<Shell>,
    startup: Arc<startup::Shared>,
    commander: Commander,
    listener: JoinHandle<usize>,
}

/// How a drain went.
struct Drained {
    when_told: Counts,
    cut_off: u64,
    connections_cut: usize,
    at_once: bool,
    listener_failed: bool,
}

/// What ended a drain; the listener says how many connections it cut.
enum Ending {
    Done(Result<usize, JoinError>),
    TimedOut,
    AtOnce,
}

impl Config {
    /// Takes all addresses and begins to answer: `live` says yes, `ready` no, everything else 503.
    ///
    /// # Errors
    ///
    /// When an address cannot be taken, at once; then none is.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn bind(self) -> Result<Bound, BindError> {
        self.bind_with(|_| Router::new()).await
    }

    /// The same, with routes that answer while loading, before everything else gets 503. They are there from the first
    /// connection on, and are made from the handle that reads where everything stands.
    ///
    /// # Errors
    ///
    /// When an address cannot be taken, at once; then none is.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[expect(clippy::unused_async, reason = "it needs the runtime, which `async` says in the signature")]
    pub async fn bind_with(self, meanwhile: impl FnOnce(StatusView) -> Router) -> Result<Bound, BindError> {
        let (addresses, sockets) = self.take_addresses()?;
        let board = Arc::new(Board::new(self.rules));
        let health = Health::new(self.paths.clone(), self.resources_key, board.view());
        let meanwhile = shell::meanwhile(meanwhile(board.view()), board.view());
        let shell = Arc::new(Shell::new(health, meanwhile));
        let (commander, orders) = Commander::new(self.drain.linger);
        let context = Context::new(Arc::clone(&shell), orders, &self);
        board.enter(Phase::Loading);
        let listener = tokio::spawn(Listener::new(sockets, context).run());
        let startup = Arc::new(startup::Shared::new(Arc::clone(&board)));
        Ok(Bound(Server { config: self, addresses, board, shell, startup, commander, listener }))
    }

    /// All addresses or none, each with its socket.
    fn take_addresses(&self) -> Result<(Vec<Address>, Vec<ServerSocket>), BindError> {
        let take = |address: &Address| {
            let socket = ServerSocket::bind(address, self.limits.backlog)?;
            let taken = socket.address().map_err(|source| BindError { address: address.clone(), source })?;
            tracing::info!(address = %taken, "listening");
            Ok((taken, socket))
        };
        self.listen.iter().map(take).collect()
    }
}

impl Bound {
    /// The addresses taken, in the order of [`Config::listen`], with the ports that port 0 became.
    pub fn addresses(&self) -> &[Address] {
        &self.0.addresses
    }

    /// A handle that reads where everything stands.
    pub fn status(&self) -> StatusView {
        self.0.board.view()
    }

    /// Runs the startup function, on a thread of its own, so that it may even block.
    ///
    /// # Errors
    ///
    /// When the function returns an error or panics, when a resource fails (unless
    /// [`ReadyRules::keep_going`](loadonce_core::status::ReadyRules) is set), when the deadline passes, or when the
    /// function returns before every resource is ready. Then the sockets are closed and what was registered for
    /// teardown has run; blocking functions that are still under way find their progress cancelled.
    pub async fn load<S, F>(self, startup: F) -> Result<Loaded<S>, Failed>
    where
        S: Send + 'static,
        F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
    {
        self.load_unless(startup, &mut Shutdown::on(std::future::pending())).await
    }

    /// The same, given up when the process is told to stop meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Bound::load`], and when told to stop.
    pub async fn load_unless<S, F>(self, startup: F, shutdown: &mut Shutdown) -> Result<Loaded<S>, Failed>
    where
        S: Send + 'static,
        F: AsyncFnOnce(&Startup) -> Result<S, StartupError> + Send + 'static,
    {
        let status = self.status();
        let server = self.0;
        let bounds = Bounds {
            deadline: server.config.startup_timeout,
            keep_going: server.config.rules.keep_going,
            interrupted: shutdown.asked(),
            status: &status,
        };
        match startup::start_up(&server.startup, startup, bounds).await {
            Ok(state) => Ok(Loaded { server, state }),
            Err(failed) => Err(server.give_up(failed, shutdown).await),
        }
    }
}

impl<S> Loaded<S> {
    /// The addresses taken, in the order of [`Config::listen`].
    pub fn addresses(&self) -> &[Address] {
        &self.server.addresses
    }

    /// A handle that reads where everything stands.
    pub fn status(&self) -> StatusView {
        self.server.board.view()
    }

    /// What startup has built.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Puts the routes in place, is ready, and serves until told to stop; then drains. The routes are a [`Router`] or
    /// another [`Application`], `shutdown` is any future or a [`Shutdown`].
    pub async fn serve<A: Into<Application>>(
        self,
        routes: impl FnOnce(S) -> A,
        shutdown: impl Into<Shutdown>,
    ) -> Report {
        let Self { mut server, state } = self;
        let mut shutdown = shutdown.into();
        // The routes first: ready is said after it is true.
        server.shell.replace_routes(routes(state));
        server.board.enter(Phase::Ready);
        tracing::info!(uptime = ?server.board.view().snapshot().uptime, "ready");
        let ended = server.until_told(&mut shutdown).await;
        // Not ready first, before anything is taken away.
        server.board.enter(Phase::Draining);
        let drained = match ended {
            None => server.drain(&mut shutdown).await,
            Some(counts) => Drained::by_itself(counts),
        };
        server.finish(drained, &mut shutdown).await
    }
}

impl Server {
    /// Ends a failed startup.
    async fn give_up(mut self, failed: Failed, shutdown: &mut Shutdown) -> Failed {
        // The caller is told and decides how to say it.
        tracing::debug!(error = %failed, "startup failed");
        self.startup.cancel();
        self.commander.cut();
        // Fails only if the listener panicked; its sockets are closed then too.
        drop((&mut self.listener).await);
        startup::tear_down(&self.startup, self.config.drain.teardown, shutdown.again()).await;
        self.startup.release();
        self.board.enter(Phase::Stopped);
        failed
    }

    /// Resolves when told to stop; with the counts, when the listener has ended without having been told to.
    async fn until_told(&mut self, shutdown: &mut Shutdown) -> Option<Counts> {
        tokio::select! {
            () = shutdown.asked() => None,
            ended = &mut self.listener => {
                tracing::error!(?ended, "the listener ended by itself");
                Some(self.shell.tally.counts())
            }
        }
    }

    /// Lets everything in flight finish, within the bounds.
    async fn drain(&mut self, shutdown: &mut Shutdown) -> Drained {
        let when_told = self.shell.tally.counts();
        tracing::info!(in_flight = when_told.in_flight, "draining");
        let ending = tokio::select! {
            biased;
            () = shutdown.again() => Ending::AtOnce,
            ending = self.wind_down() => ending,
        };
        let at_once = matches!(ending, Ending::AtOnce);
        let (cut_off, ended) = match ending {
            Ending::Done(ended) => (0, ended),
            Ending::AtOnce | Ending::TimedOut => (self.shell.tally.counts().in_flight, self.cut().await),
        };
        Drained {
            when_told,
            cut_off,
            connections_cut: ended.as_ref().copied().unwrap_or(0),
            at_once,
            listener_failed: ended.is_err(),
        }
    }

    async fn wind_down(&mut self) -> Ending {
        sleep(self.config.drain.delay).await;
        self.commander.close();
        match timeout(self.config.drain.timeout, &mut self.listener).await {
            Ok(ended) => Ending::Done(ended),
            Err(_) => Ending::TimedOut,
        }
    }

    async fn cut(&mut self) -> Result<usize, JoinError> {
        self.commander.cut();
        (&mut self.listener).await
    }

    /// Takes everything down in the reverse order of its creation: the routes with the application's state, what was
    /// registered for teardown, the components.
    async fn finish(self, drained: Drained, shutdown: &mut Shutdown) -> Report {
        self.shell.replace_routes(Router::new());
        let not_torn_down = startup::tear_down(&self.startup, self.config.drain.teardown, shutdown.again()).await;
        self.startup.release();
        self.board.enter(Phase::Stopped);
        let counts = self.shell.tally.counts();
        let report = Report {
            answered: counts.answered,
            abandoned: counts.abandoned,
            in_flight_when_told: drained.when_told.in_flight,
            answered_while_draining: counts.answered - drained.when_told.answered,
            cut_off: drained.cut_off,
            connections_cut: drained.connections_cut,
            at_once: drained.at_once,
            not_torn_down,
            listener_failed: drained.listener_failed,
            last: self.board.view().snapshot(),
        };
        tracing::info!(clean = report.is_clean(), "stopped: {report}");
        report
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The sockets close with the commander. Loads that nobody waits for any more are told here.
        self.startup.cancel();
    }
}

impl Drained {
    /// Nothing could be drained: the listener had failed.
    fn by_itself(when_told: Counts) -> Self {
        Self { when_told, cut_off: when_told.in_flight, connections_cut: 0, at_once: false, listener_failed: true }
    }
}
