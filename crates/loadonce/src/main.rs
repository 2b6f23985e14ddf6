//! The program `loadonce`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request's memory is taken on one thread and often given back on another, of which there are few; glibc's allocator
/// spends a third of the time in that once connections are many.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    loadonce::cli::main(std::env::args_os(), std::env::vars_os())
}
