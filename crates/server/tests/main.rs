//! The whole API over fake models, without a socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod binary;
mod compression;
mod platform;
mod predict;
mod support;
mod telemetry;
mod triton;
mod v1;
