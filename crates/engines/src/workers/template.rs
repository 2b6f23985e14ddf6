//! The owner of a template: a process that has loaded the model and forks its workers.
//!
//! A thread reads what the template tells, so that the end of a worker is known with its reason. The template ends its
//! workers when its control socket closes, which the kernel does also for a server that was killed.

use std::collections::HashMap;
use std::io::{self, ErrorKind, pipe};
use std::os::fd::BorrowedFd;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use loadonce_core::ledger::ProcessMemory;
use loadonce_core::{LoadError, LoadErrorKind, Progress};

use super::control::{Form, Loaded, Order, PROTOCOL, Told};
use super::frame::MOST_BYTES;
use super::launch::Launch;
use super::logs::{Drained, Runs, Writer, pump};
use super::roster::{Cost, Roster};
use super::socket::Socket;

/// Time for the program to start and to say hello; nothing of the user's is imported in it.
const HELLO: Duration = Duration::from_mins(1);

/// Time for a process to be reaped once it is known to have ended, or for all of them to end when told.
const END: Duration = Duration::from_secs(10);

/// Time for the last lines of processes that have ended.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Between two looks at whether a load was cancelled.
const LOOK: Duration = Duration::from_millis(100);

/// A running template. Dropping it ends the process and all workers.
#[derive(Debug)]
pub(super) struct Template {
    process: Child,
    cost: Cost,
    shared: Arc<Shared>,
    /// None before the model is loaded.
    reader: Option<JoinHandle<()>>,
    logs: Mutex<Vec<Drained>>,
}

#[derive(Debug)]
struct Shared {
    control: Socket,
    ends: Mutex<Ends>,
    roster: Arc<Roster>,
    changed: Condvar,
}

/// How processes ended.
#[derive(Debug, Default)]
struct Ends {
    /// Of each worker that somebody has; `None` while it lives.
    workers: HashMap<u64, Option<String>>,
    template: bool,
}

impl Template {
    /// Starts the process and waits until it has loaded the model, unless `preload` is false.
    pub(super) fn start(
        launch: &Launch,
        preload: bool,
        roster: &Arc<Roster>,
        progress: &Progress,
    ) -> Result<(Self, Loaded), LoadError> {
        let (control, process, log) = spawn(launch)?;
        roster.found(process.id());
        let (ends, roster) = (Mutex::default(), Arc::clone(roster));
        let shared = Arc::new(Shared { control, ends, roster, changed: Condvar::new() });
        let logs = Mutex::new(vec![log]);
        let mut template = Self { process, cost: Cost::default(), shared, reader: None, logs };
        let loaded = template.greet(launch, preload, progress)?;
        let shared = Arc::clone(&template.shared);
        let reader = thread::Builder::new().name("worker-ends".to_owned()).spawn(move || shared.read());
        template.reader = Some(reader.map_err(|error| internal("cannot start a thread", error))?);
        Ok((template, loaded))
    }

    fn greet(&mut self, launch: &Launch, preload: bool, progress: &Progress) -> Result<Loaded, LoadError> {
        let mut buffer = vec![0; MOST_BYTES];
        let hello = Instant::now() + HELLO;
        let modules = launch.program.modules();
        self.send(modules).map_err(|error| internal("cannot send the worker's modules", error))?;
        match self.told(launch, &mut buffer, Some(hello), progress)? {
            Told::Hello { protocol: PROTOCOL, version, executable } => {
                tracing::debug!(model = &*launch.name, version, executable, "a template has started");
            }
            Told::Hello { protocol, version, executable } => {
                let detail =
                    format!("'{executable}' is of version {version} and speaks protocol {protocol}, not {PROTOCOL}");
                return Err(LoadError::new(LoadErrorKind::Internal, detail)
                    .advise("restart the server, whose program was replaced"));
            }
            other => return Err(unexpected(&other)),
        }
        let without = ProcessMemory::of(self.pid());
        let start = launch.program.start(preload).map_err(io::Error::from);
        let ordered = start.and_then(|start| self.shared.control.send(&start));
        ordered.map_err(|error| internal("cannot order the load", error))?;
        match self.told(launch, &mut buffer, None, progress)? {
            Told::Loaded(loaded) => {
                if loaded.form != Form::Deferred {
                    self.shared.roster.loaded();
                }
                self.cost = Cost::of(self.pid(), without);
                Ok(loaded)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Modules, one a datagram, and an empty one behind them.
    fn send(&self, modules: &[(&str, &str)]) -> io::Result<()> {
        for (name, source) in modules {
            self.shared.control.send(format!("{name}\0{source}").as_bytes())?;
        }
        if modules.is_empty() { Ok(()) } else { self.shared.control.send(b"") }
    }

    /// What the template tells next, a failure as an error.
    fn told(
        &mut self,
        launch: &Launch,
        buffer: &mut [u8],
        deadline: Option<Instant>,
        progress: &Progress,
    ) -> Result<Told, LoadError> {
        loop {
            progress.go_on()?;
            match self.shared.control.receive(buffer, Some(Instant::now() + LOOK)) {
                Ok(Some(datagram)) => {
                    return match serde_json::from_slice(datagram) {
                        Ok(Told::Failed(failure)) => Err(failure.into_error(&launch.name, &*launch.program)),
                        Ok(told) => Ok(told),
                        Err(error) => Err(internal("the template told something else than it may", error)),
                    };
                }
                Ok(None) => return Err(self.ended()),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        return Err(LoadError::new(
                            LoadErrorKind::TimedOut,
                            format!("the process that should load it did not start within {} s", HELLO.as_secs()),
                        ));
                    }
                }
                Err(error) => return Err(internal("cannot read from the template", error)),
            }
        }
    }

    /// The error of a process that ended before it was done.
    fn ended(&mut self) -> LoadError {
        let how = match self.process.wait() {
            Ok(status) => describe(status),
            Err(error) => error.to_string(),
        };
        let detail = format!("the process that loads the model {how}");
        LoadError::new(LoadErrorKind::ModelCode, detail).advise("the log has what it wrote")
    }

    /// Orders a worker, whose channel, arena, standard output and standard error these are.
    pub(super) fn fork(
        &self,
        worker: u64,
        threads: usize,
        arena: u64,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        self.shared.ends().workers.insert(worker, None);
        self.shared.order(&Order::Fork { worker, threads, nice: 0, arena }, descriptors)
    }

    /// Remembers no more how a worker ended, which nobody will ask.
    pub(super) fn forget(&self, worker: u64) {
        self.shared.ends().workers.remove(&worker);
    }

    /// Kills a worker, if it is there.
    pub(super) fn kill(&self, worker: u64) {
        // Where the template is gone, so are its workers.
        let _ = self.shared.order(&Order::Kill { worker }, &[]);
    }

    /// How a worker ended whose channel has closed.
    pub(super) fn end_of(&self, worker: u64) -> String {
        let ends = self.shared.wait_until(|ends| ends.template || ends.end_of(worker).is_some());
        match (ends.end_of(worker), ends.template) {
            (Some(end), _) => end.to_owned(),
            (None, true) => "ended with its template".to_owned(),
            (None, false) => "closed its channel".to_owned(),
        }
    }

    /// Sees to it that a worker's log is read to its end.
    pub(super) fn keep(&self, log: Drained) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.retain(|log| !log.is_over());
        logs.push(log);
    }

    /// Whether the process has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.shared.ends().template
    }

    /// What its load has taken.
    pub(super) fn cost(&self) -> Cost {
        self.cost
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let _ = self.shared.order(&Order::Stop, &[]);
        let has_ended = self.reader.is_some() && self.shared.wait_until(|ends| ends.template).template;
        if !has_ended {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        // What inherited a pipe from a worker may live on; then its log is left.
        let deadline = Instant::now() + LAST_LINES;
        let logs = self.logs.get_mut().unwrap_or_else(PoisonError::into_inner);
        for log in logs.iter() {
            log.wait(deadline);
        }
    }
}

impl Ends {
    fn end_of(&self, worker: u64) -> Option<&str> {
        self.workers.get(&worker)?.as_deref()
    }
}

impl Shared {
    fn order(&self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let order = serde_json::to_vec(order)?;
        if descriptors.is_empty() { self.control.send(&order) } else { self.control.send_with(&order, descriptors) }
    }

    /// Reads until the template ends.
    fn read(&self) {
        let mut buffer = vec![0; MOST_BYTES];
        while let Ok(Some(datagram)) = self.control.receive(&mut buffer, None) {
            match serde_json::from_slice(datagram) {
                Ok(Told::Exited { worker, code, signal }) => {
                    self.ends().workers.entry(worker).and_modify(|end| *end = Some(exited(code, signal)));
                    self.roster.lose(worker);
                    self.changed.notify_all();
                }
                Ok(_) => (),
                Err(error) => tracing::warn!(%error, "a template told something else than it may"),
            }
        }
        let mut ends = self.ends();
        ends.template = true;
        // The kernel ends them with it.
        ends.workers.keys().for_each(|worker| self.roster.lose(*worker));
        self.changed.notify_all();
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, done: impl Fn(&Ends) -> bool) -> MutexGuard<'_, Ends> {
        let waited = self.changed.wait_timeout_while(self.ends(), END, |ends| !done(ends));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn spawn(launch: &Launch) -> Result<(Socket, Child, Drained), LoadError> {
    let failed = |error: io::Error| internal("cannot make the sockets of a template", error);
    let (control, stdin) = Socket::pair().map_err(failed)?;
    let (log, output) = pipe().map_err(failed)?;
    let mut command = launch.program.command();
    command.stdin(stdin).stderr(output.try_clone().map_err(failed)?).stdout(output);
    let process = command.spawn().map_err(|error| launch.program.missing().caused_by(error))?;
    // It holds the other ends of the socket and the pipe.
    drop(command);
    let writer = Writer { model: Arc::clone(&launch.name), worker: None, runs: Runs::default() };
    Ok((control, process, pump(log, writer).map_err(failed)?))
}

fn exited(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (_, Some(9)) => "was killed (signal 9; where nobody did it, memory was short)".to_owned(),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        (Some(code), None) => format!("exited with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}

fn describe(status: ExitStatus) -> String {
    exited(status.code(), std::os::unix::process::ExitStatusExt::signal(&status))
}

fn unexpected(told: &Told) -> LoadError {
    LoadError::new(LoadErrorKind::Internal, format!("a template said out of turn: {told:?}"))
}

pub(super) fn internal(what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LoadError {
    LoadError::new(LoadErrorKind::Internal, what).caused_by(error)
}
