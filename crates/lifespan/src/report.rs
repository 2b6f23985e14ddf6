//! How a process' life went, told when it is over.

use std::fmt;
use std::process::{ExitCode, Termination};
use std::time::Duration;

use loadonce_core::status::{Phase, Snapshot};

/// How a process' life went. As the return value of `main` it is an exit code: 0 when it [is clean](Report::is_clean),
/// otherwise 1.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Requests answered, the shell's own answers included.
    pub answered: u64,
    /// Requests whose connection went away before there was an answer.
    pub abandoned: u64,
    /// Requests under way when the process was told to stop.
    pub in_flight_when_told: u64,
    /// Requests answered after that.
    pub answered_while_draining: u64,
    /// Requests under way when the time to drain was over.
    pub cut_off: u64,
    /// Connections open when the time to drain was over.
    pub connections_cut: usize,
    /// Whether it was told to end the drain at once.
    pub at_once: bool,
    /// Teardown functions that did not finish.
    pub not_torn_down: Vec<String>,
    /// Whether the listener ended by itself, which is a fault of the program.
    pub listener_failed: bool,
    /// Where everything stood in the end, with the time spent in each phase.
    pub last: Snapshot,
}

impl Report {
    /// Whether every request was answered and everything was torn down.
    pub fn is_clean(&self) -> bool {
        self.cut_off == 0 && self.connections_cut == 0 && self.not_torn_down.is_empty() && !self.listener_failed
    }

    /// Time spent in a phase.
    pub fn time_in(&self, phase: Phase) -> Duration {
        self.last.phases.iter().filter(|(entry, _)| *entry == phase).map(|(_, time)| *time).sum()
    }
}

impl fmt::Display for Report {
    /// One line, for the end of a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ready, draining) = (self.time_in(Phase::Ready).as_secs_f64(), self.time_in(Phase::Draining).as_secs_f64());
        write!(formatter, "answered {} requests in {ready:.1} s; ", self.answered)?;
        write!(formatter, "drained {} in {draining:.1} s", self.answered_while_draining)?;
        if self.cut_off > 0 || self.connections_cut > 0 {
            write!(formatter, "; cut off {} requests, {} connections", self.cut_off, self.connections_cut)?;
        }
        if !self.not_torn_down.is_empty() {
            write!(formatter, "; not torn down: {}", self.not_torn_down.join(", "))?;
        }
        if self.listener_failed {
            formatter.write_str("; the listener failed")?;
        }
        Ok(())
    }
}

impl Termination for Report {
    fn report(self) -> ExitCode {
        if self.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
