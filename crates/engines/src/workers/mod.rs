//! Processes that run a model for the server; no engine, but what those share whose models are not in the server's process.
//!
//! A *template* process loads the model once; it then forks *workers*, which share its memory until they write to it, and
//! forks them again when they die. A session here is one worker: a run goes to it as a frame over its channel, with large
//! tensors in its arena.
//!
//! | file | room |
//! | --- | --- |
//! | `launch` | what a template is started with |
//! | `template` | the template's process: start, load, fork, kill, end |
//! | `control`, `frame` | what goes over the two kinds of socket: pure |
//! | `transfer` | tensors to and from a message |
//! | `socket`, `arena`, `kernel`, `logs` | the kernel's part |
//! | `worker` | one worker and its runs |
//! | `crew` | supervision: replacement, back-off, recycling |
//! | `roster` | who is there, who was lost, and what they take in memory |
//! | `probe` | whether a loaded model survives the fork |
//! | `session` | a run, and what happens when its worker dies |
//! | `model` | the loaded model |

pub(crate) mod arena;
pub(crate) mod control;
mod crew;
mod describe;
pub(crate) mod frame;
mod kernel;
pub(crate) mod launch;
mod logs;
mod model;
mod probe;
mod roster;
mod session;
pub(crate) mod socket;
mod template;
pub(crate) mod transfer;
mod worker;

pub(crate) use self::model::WorkersModel;

/// Whether these bytes are a frame to or of a worker that has an arena of that many bytes; for fuzzing.
#[doc(hidden)]
pub fn is_frame(datagram: &[u8], arena: u64) -> bool {
    frame::read(datagram, arena).is_ok() | frame::hear(datagram, arena).is_ok()
}
