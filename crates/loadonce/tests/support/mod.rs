//! The binary as a child process, models in a temporary folder, and a small HTTP client.

mod client;
mod folder;
mod process;

pub(crate) use self::client::Client;
pub(crate) use self::folder::{Folder, example, examples};
pub(crate) use self::process::{Ended, Server, in_time, run, run_with, until};
