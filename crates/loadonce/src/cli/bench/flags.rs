//! The flags of `bench`: whom to ask, what, how much, and how to show it.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use loadonce_core::Budget;

use super::endpoint::Url;
use crate::cli::exit;
use crate::cli::settings::duration;

const ABOUT: &str = "\
A closed loop (--concurrency) has that many callers, each of whom asks again as soon as it is answered: it shows what the \
server can do. An open loop (--rate) asks at times that do not depend on the answers, as the public does, and counts each \
request's time from the moment it was due, not from when it could be sent; so a server that stalls does not hide how long \
callers would have waited (no coordinated omission). In both, each answer is compared with the right one: the sample's, or \
else the first one.";

/// Flags of `bench`.
#[derive(Clone, Debug, Args)]
#[command(after_help = exit::HELP, after_long_help = format!("{ABOUT}\n\n{}", exit::HELP))]
pub(in crate::cli) struct BenchFlags {
    /// Model files, model folders, or folders of those; a server is started for them, and stopped
    #[arg(value_name = "PATH", required_unless_present_any = ["url", "uds"], conflicts_with_all = ["url", "uds"])]
    pub(in crate::cli) paths: Vec<String>,
    /// Ask a running server that speaks v2
    #[arg(long, value_name = "http://HOST:PORT")]
    pub(super) url: Option<Url>,
    /// Ask a running server at a Unix domain socket
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    pub(super) uds: Option<PathBuf>,
    /// Flags for the server that is started, behind --, as in 'bench models -- --threads 2'
    #[arg(last = true, value_name = "FLAG", conflicts_with_all = ["url", "uds"])]
    pub(super) serve: Vec<OsString>,
    #[command(flatten)]
    pub(super) requests: RequestFlags,
    #[command(flatten)]
    pub(super) load: LoadFlags,
    /// Show how the latencies are spread, as a chart
    #[arg(long)]
    pub(super) histogram: bool,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

/// What is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(super) struct RequestFlags {
    /// A model to ask, and another one for each time the flag is given [default: all, one after the other]
    #[arg(long = "model", value_name = "NAME")]
    pub(super) models: Vec<String>,
    /// A request, or a folder of them, instead of the model's samples; in the form of samples
    #[arg(long, value_name = "FILE")]
    pub(super) data: Vec<PathBuf>,
    /// Form in which they are sent
    #[arg(long, value_enum, default_value_t = Protocol::V2)]
    pub(super) protocol: Protocol,
    /// Rows of each request; a sample's own are repeated or cut [default: the sample's]
    #[arg(long, value_name = "COUNT")]
    pub(super) rows: Option<NonZeroUsize>,
    /// Time for one answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) timeout: Duration,
}

/// How much is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadFlags {
    /// Closed loop: callers at once, each on a connection of its own; several make a row of the table each
    #[arg(short, long, value_name = "COUNT,..", value_delimiter = ',', default_value = "1,8,64")]
    pub(super) concurrency: Vec<NonZeroUsize>,
    /// Open loop: requests a second, whatever is answered; several make a row of the table each
    #[arg(long, value_name = "RATE,..", value_delimiter = ',', value_parser = rate, conflicts_with = "concurrency")]
    pub(super) rate: Vec<f64>,
    /// Distances between requests of the open loop
    #[arg(long, value_enum, default_value_t = Spacing::Constant, requires = "rate")]
    pub(super) arrivals: Spacing,
    /// Connections of the open loop, which bound the requests under way; what is due then waits, and is counted as late
    #[arg(long, value_name = "COUNT", default_value = "256", requires = "rate")]
    pub(super) connections: NonZeroUsize,
    /// Time of each row
    #[arg(short, long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(super) duration: Duration,
    /// Requests of each row, instead of a time
    #[arg(short = 'n', long, value_name = "COUNT", conflicts_with = "duration")]
    pub(super) requests: Option<NonZeroU64>,
    /// Time before each row in which the same is asked, but nothing is counted
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(super) warm_up: Duration,
    /// Threads that ask [default: one for each four cores]
    #[arg(long, value_name = "COUNT")]
    pub(super) client_threads: Option<NonZeroUsize>,
}

/// How requests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// v1 predict, with rows where the model has them
    V1,
    /// v2 with tensors as JSON
    V2,
    /// v2 with tensors in binary form, both ways
    V2Binary,
}

/// How far apart the requests of an open loop are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Spacing {
    /// All distances are equal
    Constant,
    /// As independent callers come
    Poisson,
}

/// The load of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Load {
    /// So many callers at once.
    Closed {
        /// Callers.
        callers: usize,
    },
    /// So many requests a second.
    Open {
        /// Requests a second.
        rate: f64,
        /// Their distances.
        spacing: Spacing,
        /// Connections at most.
        connections: usize,
    },
}

impl LoadFlags {
    /// The load of each row.
    pub(super) fn loads(&self) -> Vec<Load> {
        if self.rate.is_empty() {
            return self.concurrency.iter().map(|callers| Load::Closed { callers: callers.get() }).collect();
        }
        let (spacing, connections) = (self.arrivals, self.connections.get());
        self.rate.iter().map(|&rate| Load::Open { rate, spacing, connections }).collect()
    }

    /// Threads that ask: few, because a local server wants the cores.
    pub(super) fn threads(&self) -> usize {
        let cores = Budget::of_this_process().cores();
        self.client_threads.map_or((cores / 4).max(1), NonZeroUsize::get)
    }
}

impl Protocol {
    /// The name in flags and reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V2Binary => "v2-binary",
        }
    }
}

impl Spacing {
    /// The name in flags and reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

impl Load {
    /// Connections of all threads together.
    pub(super) fn connections(self) -> usize {
        match self {
            Self::Closed { callers } => callers,
            Self::Open { connections, .. } => connections,
        }
    }
}

/// Fast enough to mean something, and not faster than a clock of nanoseconds tells apart.
fn rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("expected requests a second from 0.001 to 10000000, got '{text}'");
    text.parse().ok().filter(|rate| (0.001..=1e7).contains(rate)).ok_or_else(wrong)
}
