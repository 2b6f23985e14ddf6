//! A worker: runs what the server asks for, one run after the other, until it says stop or is gone.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use loadonce_core::loader::panic_message;
use loadonce_core::{Batch, LoadError, Model, Outputs, RunError, Session};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::fork;
use super::report;
use super::template::{Origin, load};
use crate::workers::arena::Arena;
use crate::workers::control::{Failure, FailureKind, Loaded, Readied};
use crate::workers::frame::{self, Heard, MOST_BYTES, Word};
use crate::workers::socket::Socket;
use crate::workers::transfer::{collect, stow};

/// The kernel picks a worker before the server when memory runs out.
const OOM_SCORE: i32 = 200;
const LARGEST_OOM_SCORE: i32 = 1000;

/// What a worker was given by the server.
pub(super) struct Task {
    channel: Socket,
    arena: Arena,
    output: OwnedFd,
    errors: OwnedFd,
}

impl Task {
    /// Of a channel, an arena of so many bytes, a standard output and a standard error; `None` where it is not these.
    pub(super) fn new(arena_bytes: u64, descriptors: Vec<OwnedFd>) -> Option<Self> {
        let [channel, arena, output, errors] = <[OwnedFd; 4]>::try_from(descriptors).ok()?;
        Some(Self { channel: Socket::given(channel), arena: Arena::given(arena, arena_bytes), output, errors })
    }
}

/// A model's one session in this process, and where its runs come from.
struct Worker {
    channel: Socket,
    arena: Arena,
    model: Arc<dyn Model>,
    session: Box<dyn Session>,
}

/// Serves until the channel closes; returns the exit status.
pub(super) fn serve(task: Task, origin: &Origin) -> u8 {
    let Task { channel, arena, output, errors } = task;
    let redirected = rustix::stdio::dup2_stdout(output).and(rustix::stdio::dup2_stderr(errors));
    // The kernel ends it with its template, which may have ended before that.
    let leashed = set_parent_process_death_signal(Some(Signal::KILL));
    if redirected.is_err() || leashed.is_err() || getppid() != Some(origin.template) {
        return 1;
    }
    yield_to_others();
    let prepared = model(origin).and_then(|(model, loaded)| Ok((model.open_session()?, model, loaded)));
    let outcome = match prepared {
        Ok((session, model, loaded)) => {
            let readied = Readied { pid: std::process::id(), loaded };
            Worker { channel, arena, model, session }.work(&readied)
        }
        Err(error) => {
            let reason = serde_json::to_string(&report::failure(&error, &origin.start.file)).unwrap_or_default();
            channel.send(&frame::say(Word::Failed { run: 0 }, &reason))
        }
    };
    u8::from(outcome.is_err())
}

/// The template's model, or one of this worker's own, with what that is.
fn model(origin: &Origin) -> Result<(Arc<dyn Model>, Option<Loaded>), LoadError> {
    if let Some(model) = &origin.model {
        return Ok((Arc::clone(model), None));
    }
    let own = load(&origin.engine, &origin.start)?;
    let loaded = report::loaded(&*own, fork::threads().unwrap_or(0));
    Ok((own, Some(loaded)))
}

impl Worker {
    fn work(mut self, readied: &Readied) -> io::Result<()> {
        self.channel.send(&frame::say(Word::Ready, &serde_json::to_string(readied)?))?;
        let mut buffer = vec![0; MOST_BYTES];
        while let Some(datagram) = self.channel.receive(&mut buffer, None)? {
            let heard = frame::hear(datagram, self.arena.capacity()).map_err(io::Error::other)?;
            let Heard::Run { run, inputs } = heard else { return Ok(()) };
            let inputs = collect(inputs, datagram, &self.arena)?;
            let outcome = inputs.map_err(RunError::InvalidInput).and_then(|inputs| self.run(&Batch::new(inputs)));
            self.answer(run, outcome)?;
        }
        Ok(())
    }

    /// Runs; a panic is an error, after which the session is another.
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| self.session.run(batch)));
        let outcome = outcome.unwrap_or_else(|payload| Err(RunError::Panicked(panic_message(payload.as_ref()))));
        if outcome.as_ref().is_err_and(RunError::ends_session) {
            self.session = self.model.open_session().map_err(|error| RunError::Lost(error.to_string()))?;
        }
        outcome
    }

    fn answer(&self, run: u64, outcome: Result<Outputs, RunError>) -> io::Result<()> {
        let message = outcome.and_then(|outputs| {
            frame::answer(run, &outputs, self.arena.capacity()).map_err(|error| RunError::Failed(error.to_string()))
        });
        match message.map_err(report::refusal) {
            Ok(message) => {
                stow(&message, &self.arena)?;
                self.channel.send(&message.datagram)
            }
            Err(Ok(refusal)) => {
                self.channel.send(&frame::say(Word::Refused { run }, &serde_json::to_string(&refusal)?))
            }
            Err(Err(message)) => {
                let failure = Failure { kind: FailureKind::Code, message, traceback: String::new(), advice: None };
                self.channel.send(&frame::say(Word::Failed { run }, &serde_json::to_string(&failure)?))
            }
        }
    }
}

/// Gives way to the server when memory runs out. Some sandboxes do not have the file; then the kernel decides alone.
fn yield_to_others() {
    const FILE: &str = "/proc/self/oom_score_adj";
    let own = fs::read_to_string(FILE).ok().and_then(|score| score.trim().parse::<i32>().ok());
    if let Some(own) = own {
        let _ = fs::write(FILE, (own + OOM_SCORE).min(LARGEST_OOM_SCORE).to_string());
    }
}
