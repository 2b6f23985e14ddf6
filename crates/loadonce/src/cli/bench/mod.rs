//! `loadonce bench`: a load test of a server, whose answers are checked.
//!
//! The server is this program as a child process (`child`), or one that runs already (`endpoint`). A model's samples become
//! requests (`subject`, `ask`). For each row of the table (`row`), threads have callers (`caller`), who ask on connections of
//! their own (`connection`, `head`) when it is their turn (`pace`, `arrivals`, `alarm`), and count what comes of it (`tally`).

mod flags;
mod child;
mod endpoint;
mod subject;
mod ask;
mod row;
mod caller;
mod connection;
mod head;
mod pace;
mod arrivals;
mod alarm;
mod tally;
mod usage;
mod interrupt;
mod progress;
mod table;
mod chart;
mod report;

use std::fmt;
use std::sync::Arc;

use loadonce_core::ModelSpec;

use self::caller::Target;
use self::child::OwnServer;
use self::endpoint::Endpoint;
use self::interrupt::Interrupt;
use self::report::{ModelReport, Report, ServerReport};
use self::row::{Plan, Row};
use self::subject::{Inquiry, Subject};
use self::usage::Processes;
use super::exit::Exit;
use super::numbers::{thousands, time};
use super::output::say;
use super::{Failure, Settings, find};

pub(super) use self::flags::BenchFlags;

/// The server that is asked.
struct Server {
    endpoint: Endpoint,
    processes: Processes,
    /// Where it was started for this.
    own: Option<OwnServer>,
}

/// A load test under way.
struct Bench<'a> {
    flags: &'a BenchFlags,
    interrupt: Interrupt,
    done: Vec<(Subject, Vec<Row>)>,
}

/// Measures, and says what came of it.
pub(super) async fn bench(flags: &BenchFlags, settings: &Settings) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen().map_err(|error| internal("cannot listen to signals", &error))?;
    let specs = if flags.paths.is_empty() { Vec::new() } else { find(settings)? };
    let Some(server) = interrupt.unless(Server::reach(flags)).await else { return Ok(Exit::Interrupted) };
    let mut server = server?;
    let mut bench = Bench { flags, interrupt, done: Vec::new() };
    let report = ServerReport::new(&server);
    bench.tell(&server.to_string());
    let measured = bench.measure(&mut server, &specs).await;
    let stopped = match server.own {
        Some(own) => own.stop().await,
        None => Ok(()),
    };
    measured.and(stopped)?;
    bench.conclude(report)
}

impl Server {
    /// Starts it, or finds out where it is and which processes of this machine it is.
    async fn reach(flags: &BenchFlags) -> Result<Self, Failure> {
        let endpoint = match (&flags.url, &flags.uds) {
            (Some(url), _) => Endpoint::resolve(url).await.map_err(|error| {
                Failure::new(Exit::LoadTest, format!("--url: the server's name cannot be looked up: {error}"))
            })?,
            (None, Some(path)) => Endpoint::unix(path.clone()),
            (None, None) => {
                let own = OwnServer::start(&flags.paths, &flags.serve).await?;
                let (endpoint, processes) = (own.address().into(), Processes::one(own.pid()));
                return Ok(Self { endpoint, processes, own: Some(own) });
            }
        };
        let processes = Processes::listening(endpoint.socket());
        Ok(Self { endpoint, processes, own: None })
    }

    /// A server of our own that is gone has its reasons.
    async fn expect_alive(&mut self) -> Result<(), Failure> {
        match &mut self.own {
            Some(own) => own.failure().await.map_or(Ok(()), Err),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processes = self.processes.names().join(", ");
        match &self.own {
            Some(own) => write!(formatter, "{processes} at {}, ready after {}", self.endpoint, time(own.startup)),
            None if processes.is_empty() => {
                write!(formatter, "{}, no process of this machine that may be looked at", self.endpoint)
            }
            None => write!(formatter, "{}, process {processes}", self.endpoint),
        }
    }
}

impl Bench<'_> {
    /// For people.
    fn tell(&self, text: &str) {
        if !self.flags.json {
            say(text);
        }
    }

    /// All models, one after the other, until somebody wants an end.
    async fn measure(&mut self, server: &mut Server, specs: &[ModelSpec]) -> Result<(), Failure> {
        let endpoint = server.endpoint.clone();
        let mut inquiry = Inquiry::new(&endpoint, &self.flags.requests);
        let Some(names) = self.interrupt.unless(inquiry.models()).await else { return Ok(()) };
        for name in names? {
            let spec = specs.iter().find(|spec| spec.name == name);
            let Some(subject) = self.interrupt.unless(inquiry.subject(&name, spec)).await else { break };
            let subject = subject?;
            let rows = self.rows(&subject, server).await?;
            let is_over = rows.iter().any(|row| row.is_cut_short);
            self.done.push((subject, rows));
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// All rows of a model, each told when it is over, and what is to be said of them together.
    async fn rows(&self, subject: &Subject, server: &mut Server) -> Result<Vec<Row>, Failure> {
        let BenchFlags { requests, load, .. } = self.flags;
        let endpoint = server.endpoint.clone();
        let target = Target { endpoint, asks: Arc::clone(&subject.asks), timeout: requests.timeout };
        let loads = load.loads();
        self.tell(&format!("\n{}\n{}", table::title(subject, requests.protocol), table::latency_heads(loads[0])));
        let mut rows = Vec::new();
        for load in loads {
            let plan = Plan {
                flags: &self.flags.load,
                target: target.clone(),
                server: &server.processes,
                interrupt: &self.interrupt,
            };
            let row = plan.row(load).await.map_err(|error| internal("cannot go on asking", &error))?;
            server.expect_alive().await?;
            self.tell(&table::latencies(&row));
            let is_over = row.is_cut_short;
            rows.push(row);
            if is_over {
                break;
            }
        }
        self.tell_of(&rows);
        Ok(rows)
    }

    fn tell_of(&self, rows: &[Row]) {
        if let Some(table) = table::server(rows) {
            self.tell(&format!("\n{table}"));
        }
        for row in rows.iter().filter(|_| self.flags.histogram) {
            self.tell(&format!("\n{}", table::histogram(row).trim_end()));
        }
        let remarks = table::remarks(rows);
        if !remarks.is_empty() {
            self.tell(&format!("\n{}", remarks.join("\n")));
        }
    }

    /// The verdict, which decides the exit code, and the document where one is wanted.
    fn conclude(self, server: ServerReport) -> Result<Exit, Failure> {
        let rows = || self.done.iter().flat_map(|(_, rows)| rows);
        let (right, failed) = (rows().map(|row| row.tally.right()).sum(), rows().map(|row| row.tally.failed()).sum());
        let is_cut_short = self.done.is_empty() || rows().any(|row| row.is_cut_short);
        if self.flags.json {
            let models = self.done.iter().map(|(subject, rows)| ModelReport::new(subject, rows, self.flags)).collect();
            let report = Report::new(self.flags, server, models, failed == 0 && !is_cut_short);
            let text = serde_json::to_string_pretty(&report);
            say(&text.map_err(|error| internal("cannot write the report", &error))?);
        }
        if failed > 0 {
            let all = thousands(right + failed);
            return Err(Failure::new(
                Exit::LoadTest,
                format!("{} of {all} requests were not answered rightly", thousands(failed)),
            ));
        }
        if is_cut_short {
            return Ok(Exit::Interrupted);
        }
        self.tell(&format!("\nok: all {} answers were right", thousands(right)));
        Ok(Exit::Fine)
    }
}

fn internal(what: &str, error: &dyn fmt::Display) -> Failure {
    Failure::new(Exit::Internal, format!("{what}: {error}"))
}
