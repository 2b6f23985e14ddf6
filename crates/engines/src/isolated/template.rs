//! The template: loads the model once, then forks, kills and reaps workers as asked. One loop on one thread.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, pipe};
use std::os::fd::OwnedFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use loadonce_core::loader::Chosen;
use loadonce_core::{Engine, LoadError, LoadErrorKind, Model, Progress};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use super::fork::{self, fork};
use super::order::Start;
use super::report;
use super::worker::{self, Task};
use crate::workers::control::{Loaded, Order, PROTOCOL, Told};
use crate::workers::frame::MOST_BYTES;
use crate::workers::socket::Socket;

/// How long workers have to end after `stop`.
const PATIENCE: Duration = Duration::from_secs(5);

/// The exit status of a process that Rust ends for a panic.
const PANICKED: u8 = 101;

/// What workers are forked from.
pub(super) struct Origin {
    pub(super) start: Start,
    pub(super) engine: Arc<dyn Engine>,
    /// None where each worker loads a copy of its own.
    pub(super) model: Option<Arc<dyn Model>>,
    pub(super) template: Pid,
}

struct Template {
    control: Socket,
    origin: Origin,
    workers: BTreeMap<u64, Forked>,
}

/// What is to be done after an order.
enum Next {
    Wait,
    End,
    /// This process is a worker now; its leash is open while it holds the writer.
    Work(Task, PipeWriter),
}

/// A worker as its template knows it.
struct Forked {
    pid: Pid,
    /// Closes when the worker ends.
    leash: PipeReader,
}

/// Is the template of one model: takes orders on standard input until the server says stop, or is gone. `find` opens the
/// engine of that name. Call it before the process has a second thread; `version` is the program's.
///
/// # Errors
/// Of the control socket, which standard input is to be.
pub fn serve_template(version: &str, find: impl FnOnce(&str) -> Result<Arc<dyn Engine>, LoadError>) -> io::Result<()> {
    fork::ignore_terminal();
    let control = take_control()?;
    let executable = std::env::current_exe().unwrap_or_default().display().to_string();
    tell(&control, &Told::Hello { protocol: PROTOCOL, version: version.to_owned(), executable })?;
    let mut buffer = vec![0; MOST_BYTES];
    let Some(datagram) = control.receive(&mut buffer, None)? else { return Ok(()) };
    let start: Start = serde_json::from_slice(datagram)?;
    let file = start.file.clone();
    match prepare(start, find) {
        Ok((origin, loaded)) => {
            tell(&control, &Told::Loaded(loaded))?;
            Template { control, origin, workers: BTreeMap::new() }.run(&mut buffer)
        }
        Err(error) => tell(&control, &Told::Failed(report::failure(&error, &file))),
    }
}

fn prepare(
    start: Start,
    find: impl FnOnce(&str) -> Result<Arc<dyn Engine>, LoadError>,
) -> Result<(Origin, Loaded), LoadError> {
    let engine = find(&start.engine)?;
    let model = if start.preload { Some(load(&engine, &start)?) } else { None };
    let threads = fork::threads().unwrap_or(0);
    let loaded = model.as_ref().map_or_else(report::deferred, |model| report::loaded(&**model, threads));
    Ok((Origin { start, engine, model, template: rustix::process::getpid() }, loaded))
}

/// Loads the model; a panic on the way becomes an error.
pub(super) fn load(engine: &Arc<dyn Engine>, start: &Start) -> Result<Arc<dyn Model>, LoadError> {
    let chosen = Chosen { engine: Arc::clone(engine), reason: String::new() };
    let load = || chosen.load(&start.spec(), &Progress::default());
    panic::catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|_| {
        Err(LoadError::new(LoadErrorKind::Internal, "the engine panicked while it loaded the model"))
    })
}

impl Template {
    /// Does what the server says until it says stop, or is gone.
    fn run(mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            let (ordered, ended) = self.wait(None)?;
            for worker in ended {
                self.reap(worker);
            }
            if !ordered {
                continue;
            }
            match self.obey(buffer)? {
                Next::Wait => {}
                Next::End => return Ok(()),
                Next::Work(task, leash) => self.become_worker(task, leash),
            }
        }
    }

    /// Waits for an order or for the end of workers: whether there is one, and whose.
    fn wait(&self, deadline: Option<Instant>) -> io::Result<(bool, Vec<u64>)> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let leashes = self.workers.values().map(|worker| PollFd::new(&worker.leash, PollFlags::IN));
        let mut watched: Vec<_> = [PollFd::new(&self.control, PollFlags::IN)].into_iter().chain(leashes).collect();
        match poll(&mut watched, left.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok((false, Vec::new())),
            Err(error) => return Err(error.into()),
        }
        let mut stirred = watched.iter().map(|watched| !watched.revents().is_empty());
        let ordered = stirred.next().unwrap_or_default();
        let ended = self.workers.keys().zip(stirred).filter(|(_, ended)| *ended).map(|(worker, _)| *worker);
        Ok((ordered, ended.collect()))
    }

    /// Does what one order says.
    fn obey(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        let Some((datagram, descriptors)) = self.control.receive_with(buffer)? else {
            self.workers.values().for_each(Forked::kill);
            return Ok(Next::End);
        };
        match serde_json::from_slice(datagram)? {
            Order::Fork { worker, arena, .. } => return self.fork(worker, arena, descriptors),
            Order::Kill { worker } => self.workers.get(&worker).into_iter().for_each(Forked::kill),
            Order::Stop => {
                self.wait_for_all()?;
                return Ok(Next::End);
            }
        }
        Ok(Next::Wait)
    }

    fn fork(&mut self, worker: u64, arena: u64, descriptors: Vec<OwnedFd>) -> io::Result<Next> {
        let task = Task::new(arena, descriptors).ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        let (leash, held) = pipe()?;
        match fork() {
            Ok(Some(pid)) => drop(self.workers.insert(worker, Forked { pid, leash })),
            Ok(None) => return Ok(Next::Work(task, held)),
            Err(error) => {
                // Too many processes, or too little memory; the next try may do better.
                tracing::error!(%error, worker, "cannot fork");
                self.report(worker, Some(1), None);
            }
        }
        Ok(Next::Wait)
    }

    /// In the worker: lets go of what is the template's, and never comes back.
    fn become_worker(self, task: Task, leash: PipeWriter) -> ! {
        let Self { control, origin, workers } = self;
        drop((control, workers));
        let code = panic::catch_unwind(AssertUnwindSafe(|| worker::serve(task, &origin)));
        drop(leash);
        fork::end(code.unwrap_or(PANICKED))
    }

    /// Sees how a worker ended whose leash has closed.
    fn reap(&mut self, number: u64) {
        let Some(worker) = self.workers.remove(&number) else { return };
        // One that has closed it and lives is of no use; one that is about to end keeps its status.
        worker.kill();
        let status = loop {
            match waitpid(Some(worker.pid), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => (),
                Ok(Some((_, status))) => break Some(status),
                _ => break None,
            }
        };
        let code = status.and_then(WaitStatus::exit_status);
        let signal = status.and_then(WaitStatus::terminating_signal);
        self.report(number, code, signal);
    }

    fn report(&self, worker: u64, code: Option<i32>, signal: Option<i32>) {
        // Where the server is gone, the end of file that follows will show it.
        let _ = tell(&self.control, &Told::Exited { worker, code, signal });
    }

    fn wait_for_all(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.workers.is_empty() && Instant::now() < deadline {
            let (_, ended) = self.wait(Some(deadline))?;
            for worker in ended {
                self.reap(worker);
            }
        }
        self.workers.values().for_each(Forked::kill);
        Ok(())
    }
}

impl Forked {
    fn kill(&self) {
        // Its id is ours until it is reaped, so nobody else can be hit.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

/// Moves the control socket away from standard input, out of libraries' sight.
fn take_control() -> io::Result<Socket> {
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(Socket::given(control))
}

fn tell(control: &Socket, told: &Told) -> io::Result<()> {
    control.send(&serde_json::to_vec(told)?)
}
