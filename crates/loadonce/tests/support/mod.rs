//! The binary as a child process, models in a temporary folder, a small HTTP client, and a server that misbehaves.

mod client;
mod fake_server;
mod folder;
mod process;

pub(crate) use self::client::Client;
pub(crate) use self::fake_server::{FakeServer, Reply};
pub(crate) use self::folder::{Folder, example, examples};
pub(crate) use self::process::{Ended, Server, binary, in_time, run, run_with, run_with_python, until};
