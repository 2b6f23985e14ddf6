//! One worker: a process that was forked from the template, its channel and its arena.

use std::io::{self, ErrorKind, pipe};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loadonce_core::{Batch, LoadError, LoadErrorKind, Outputs, RowFault, RunError};

use super::arena::Arena;
use super::control::{Failure, FailureKind, Loaded, Readied, Refusal, RowRefusal};
use super::frame::{self, FrameError, MOST_BYTES, Said};
use super::kernel;
use super::launch::Launch;
use super::logs::{Runs, Writer, pump};
use super::roster::{Presence, Roster};
use super::socket::Socket;
use super::template::{Template, internal};
use super::transfer::{collect, stow};

/// A worker. Dropping it closes its channel, at which it ends.
#[derive(Debug)]
pub(super) struct Worker {
    model: Arc<str>,
    number: u64,
    pid: u32,
    template: Arc<Template>,
    channel: Socket,
    arena: Arena,
    buffer: Vec<u8>,
    runs: Runs,
    run: u64,
    born: Instant,
    /// None before it is ready.
    presence: Option<Presence>,
}

/// What a worker is to be.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) launch: &'a Launch,
    pub(super) number: u64,
    /// Where it is noted once it is ready.
    pub(super) roster: &'a Arc<Roster>,
    /// Time to be ready; none where it loads a copy of its own.
    pub(super) deadline: Option<Duration>,
}

/// Why a worker is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("its worker {0}")]
    Died(String),
    /// It never heard of the request.
    #[error("its worker {0} before it was asked")]
    Absent(String),
    #[error("it did not answer within {} ms, and its worker was killed", .0.as_millis())]
    Hung(Duration),
    #[error("its worker sent what is no answer ({0}), and was killed")]
    Garbage(#[from] FrameError),
    #[error("its worker cannot be reached: {0}")]
    Unreachable(#[from] io::Error),
}

impl Worker {
    /// Forks a worker and waits until it is ready; also what it loaded, where it loads a copy of its own.
    pub(super) fn fork(template: &Arc<Template>, wanted: &Wanted<'_>) -> Result<(Self, Option<Loaded>), LoadError> {
        let mut worker = Self::order(template, wanted).map_err(|error| internal("cannot fork a worker", error))?;
        let deadline = wanted.deadline.map(|time| Instant::now() + time);
        let readied = worker.readied(deadline, wanted)?;
        worker.pid = readied.pid;
        if readied.loaded.is_some() {
            wanted.roster.loaded();
        }
        worker.presence = Some(wanted.roster.enter(worker.number, worker.pid, worker.born));
        Ok((worker, readied.loaded))
    }

    fn order(template: &Arc<Template>, wanted: &Wanted<'_>) -> io::Result<Self> {
        let (channel, its_channel) = Socket::pair()?;
        let terms = &wanted.launch.terms;
        let arena = Arena::new(terms.arena_bytes)?;
        let (log, output) = pipe()?;
        let output = output.as_fd();
        let descriptors = [its_channel.as_fd(), arena.as_fd(), output, output];
        template.fork(wanted.number, terms.threads, arena.capacity(), &descriptors)?;
        let runs = Runs::default();
        let writer = Writer { model: Arc::clone(&wanted.launch.name), worker: Some(wanted.number), runs: runs.clone() };
        template.keep(pump(log, writer)?);
        Ok(Self {
            model: Arc::clone(&wanted.launch.name),
            number: wanted.number,
            pid: 0,
            template: Arc::clone(template),
            channel,
            arena,
            buffer: vec![0; MOST_BYTES],
            runs,
            run: 0,
            born: Instant::now(),
            presence: None,
        })
    }

    fn readied(&mut self, deadline: Option<Instant>, wanted: &Wanted<'_>) -> Result<Readied, LoadError> {
        let failed = |detail: String| LoadError::new(LoadErrorKind::ModelCode, detail);
        let outcome = receive(&self.channel, &mut self.buffer, deadline).and_then(|datagram| {
            Ok(match frame::read(datagram, self.arena.capacity())? {
                Said::Ready(text) => serde_json::from_str(text).map_err(|error| internal("a worker's words", error)),
                Said::Failed { reason, .. } => {
                    Err(failure(reason).into_error(&wanted.launch.name, &*wanted.launch.program))
                }
                _ => Err(failed("a worker answered before it was asked".to_owned())),
            })
        });
        outcome.unwrap_or_else(|stopped| {
            let lost = self.gone(stopped, wanted.deadline.unwrap_or_default());
            Err(failed(format!("no worker could start: {lost}")))
        })
    }

    /// Runs a batch as [`Self::run`] does, and gives up once the process has had no processor time for `idle`.
    pub(super) fn probe(&mut self, batch: &Batch, idle: Duration) -> Result<Result<Outputs, RunError>, Lost> {
        self.attempt(batch, Patience::WhileBusy { idle })
    }

    /// Runs a batch. The inner error leaves the worker as good as before.
    pub(super) fn run(&mut self, batch: &Batch, timeout: Duration) -> Result<Result<Outputs, RunError>, Lost> {
        self.attempt(batch, Patience::For(timeout))
    }

    fn attempt(&mut self, batch: &Batch, patience: Patience) -> Result<Result<Outputs, RunError>, Lost> {
        self.run += 1;
        self.presence.iter().for_each(Presence::ran);
        self.runs.begin(self.run);
        let asked = match frame::run(self.run, batch.inputs(), self.arena.capacity()) {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(RunError::Failed(error.to_string()))),
        };
        self.exchange(&asked, patience).map_err(|stopped| self.gone(stopped, patience.time()))
    }

    fn exchange(&mut self, asked: &frame::Message, patience: Patience) -> Result<Result<Outputs, RunError>, Stopped> {
        stow(asked, &self.arena)?;
        if self.channel.send(&asked.datagram).is_err() {
            return Err(Stopped::Unheard);
        }
        let deadline = match patience {
            Patience::For(time) => Some(Instant::now() + time),
            Patience::WhileBusy { idle } => self.wait_while_busy(idle).map(|()| None)?,
        };
        let length = receive(&self.channel, &mut self.buffer, deadline)?.len();
        let datagram = &self.buffer[..length];
        let said = frame::read(datagram, self.arena.capacity())?;
        match said {
            Said::Outputs { run, outputs } if run == self.run => {
                let outputs = collect(outputs, datagram, &self.arena)?;
                Ok(outputs.map_err(|wrong| RunError::Failed(format!("an output is none: {wrong}"))))
            }
            Said::Refused { run, reason } if run == self.run => Ok(Err(refused(reason))),
            Said::Failed { run, reason } if run == self.run => Ok(Err(self.failed(reason))),
            other => Err(Stopped::Lost(Lost::Died(format!("said out of turn: {other:?}")))),
        }
    }

    /// Waits for an answer as long as the process works for it.
    fn wait_while_busy(&self, idle: Duration) -> io::Result<()> {
        let mut ticks = kernel::ticks(self.pid);
        loop {
            match self.channel.wait(Some(Instant::now() + idle)) {
                Err(error) if error.kind() == ErrorKind::TimedOut && kernel::ticks(self.pid) != ticks => {
                    ticks = kernel::ticks(self.pid);
                }
                outcome => return outcome,
            }
        }
    }

    /// The model's own error; its traceback goes to the log.
    fn failed(&self, reason: &str) -> RunError {
        let Failure { message, traceback, .. } = failure(reason);
        if !traceback.is_empty() {
            tracing::error!(target: "model", model = &*self.model, worker = self.number, "{}", traceback.trim_end());
        }
        RunError::Failed(message)
    }

    /// The reason for people. A worker that still lives is killed; one that is about to end keeps its reason.
    fn gone(&self, stopped: Stopped, patience: Duration) -> Lost {
        self.template.kill(self.number);
        self.presence.iter().for_each(Presence::lose);
        match stopped {
            Stopped::Lost(lost) => lost,
            Stopped::Late => Lost::Hung(patience),
            Stopped::Closed => Lost::Died(self.template.end_of(self.number)),
            Stopped::Unheard => Lost::Absent(self.template.end_of(self.number)),
        }
    }

    /// Runs so far.
    pub(super) fn runs(&self) -> u64 {
        self.run
    }

    /// The time since it was ordered.
    pub(super) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Before it ends, so that its end is no death.
        self.presence = None;
        // One that does not hear this sees its channel close.
        let _ = self.channel.send(&frame::stop());
        self.template.forget(self.number);
    }
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
enum Patience {
    For(Duration),
    WhileBusy { idle: Duration },
}

impl Patience {
    fn time(self) -> Duration {
        match self {
            Self::For(time) | Self::WhileBusy { idle: time } => time,
        }
    }
}

/// Why there is no datagram, or none that can be read.
enum Stopped {
    Lost(Lost),
    Late,
    Closed,
    /// It had closed before anything could be sent.
    Unheard,
}

impl From<FrameError> for Stopped {
    fn from(error: FrameError) -> Self {
        Self::Lost(error.into())
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::TimedOut { Self::Late } else { Self::Lost(error.into()) }
    }
}

fn receive<'b>(channel: &Socket, buffer: &'b mut [u8], deadline: Option<Instant>) -> Result<&'b [u8], Stopped> {
    channel.receive(buffer, deadline)?.ok_or(Stopped::Closed)
}

fn refused(reason: &str) -> RunError {
    match serde_json::from_str::<Refusal>(reason) {
        Ok(Refusal { message, rows }) if rows.is_empty() => RunError::InvalidInput(message),
        Ok(Refusal { rows, .. }) => {
            let rows = rows.into_iter().map(|RowRefusal { row, path, message }| RowFault { row, path, message });
            RunError::InvalidRows { rows: rows.collect() }
        }
        Err(_) => RunError::InvalidInput(reason.to_owned()),
    }
}

fn failure(reason: &str) -> Failure {
    serde_json::from_str(reason).unwrap_or_else(|_| Failure {
        kind: FailureKind::default(),
        message: reason.to_owned(),
        traceback: String::new(),
        advice: None,
    })
}
