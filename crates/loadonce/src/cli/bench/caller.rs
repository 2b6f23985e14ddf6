//! Callers: each has a connection, and asks on it whenever it is its turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::ask::Ask;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::head::Explained;
use super::pace::{Pace, Window};
use super::tally::{Fault, FaultKind, Tally};

/// One request in so many asks what became of it: rarely enough not to disturb, and a prime, so that all samples are met.
const EXPLAINED_ONE_IN: usize = 17;

/// A server that takes no connection is not asked for one in a tight circle.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What all callers of a thread share.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) pace: Pace,
    /// Locked for a moment only, and by this thread, but for looks at how far it is.
    pub(super) tally: Arc<Mutex<Tally>>,
}

/// Whom to ask what.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) asks: Arc<[Ask]>,
    /// For one answer.
    pub(super) timeout: Duration,
}

/// A caller.
pub(super) struct Caller {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Counts its requests; callers start at different samples.
    turn: usize,
}

impl Caller {
    /// A caller with a connection; one that gets none says so when it is its turn to ask.
    pub(super) async fn connect(shared: Arc<Shared>, position: usize) -> Self {
        let Target { endpoint, timeout: limit, .. } = &shared.target;
        let connection = timeout(*limit, endpoint.connect()).await.ok().and_then(Result::ok);
        Self { shared, connection, turn: position }
    }

    /// Asks until the row is over.
    pub(super) async fn ask_on(mut self, window: &Window) -> std::io::Result<()> {
        while let Some(turn) = self.shared.pace.turn(window).await? {
            let outcome = self.ask_in_time().await;
            let is_cut_off = matches!(&outcome, Err(fault) if fault.kind == FaultKind::Connection);
            if turn.is_measured {
                self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner).record(turn, outcome);
            }
            if is_cut_off && self.connection.is_none() {
                sleep(BACK_OFF).await;
            }
        }
        Ok(())
    }

    async fn ask_in_time(&mut self) -> Result<Explained, Fault> {
        let limit = self.shared.target.timeout;
        match timeout(limit, self.ask()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                // The answer may still come, to nobody.
                self.connection = None;
                Err(Fault { kind: FaultKind::TimedOut, message: format!("no answer within {limit:?}") })
            }
        }
    }

    async fn ask(&mut self) -> Result<Explained, Fault> {
        let Target { endpoint, asks, .. } = &self.shared.target;
        let ask = &asks[self.turn % asks.len()];
        let is_explained = self.turn.is_multiple_of(EXPLAINED_ONE_IN);
        self.turn += 1;
        let cut_off = |error: std::io::Error| Fault { kind: FaultKind::Connection, message: error.to_string() };
        let connection = match self.connection.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => endpoint.connect().await.map_err(cut_off)?,
        };
        let connection = self.connection.insert(connection);
        match connection.exchange(if is_explained { &ask.explained } else { &ask.request }).await {
            Ok(answer) => ask.right.check(&answer).map(|()| answer.head.explained),
            Err(error) => {
                self.connection = None;
                Err(cut_off(error))
            }
        }
    }
}
