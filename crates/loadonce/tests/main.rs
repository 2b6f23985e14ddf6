//! The program as its users meet it: the real binary, real models, real sockets and signals; and the server over fake
//! models where a load has to misbehave on cue.
//!
//! A load is held up by a named pipe in place of a model file: it blocks until the test writes the model into it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access_log;
mod bench;
mod check;
mod configuration;
mod dev;
mod draining;
mod engines;
mod exit_codes;
mod fakes;
mod grpc;
mod http;
mod isolation;
mod leaving;
mod loading;
mod memory;
mod models;
mod optimize;
mod plan;
mod platforms;
mod python;
mod sample;
mod support;
mod v1;
mod wrong_files;
