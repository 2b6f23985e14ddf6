//! The program `loadonce`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// A request's memory is taken on one thread and often given back on another, and ONNX Runtime takes some for every
/// operator. Both are quicker here than in glibc's allocator, and in less memory than others need for that.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    loadonce::cli::main(std::env::args_os(), std::env::vars_os())
}
