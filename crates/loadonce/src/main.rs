//! The program `loadonce`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    loadonce::cli::main(std::env::args_os(), std::env::vars_os())
}
