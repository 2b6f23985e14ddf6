//! The whole API over fake models, without a socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod binary;
mod compression;
mod deadlines;
mod docs;
mod grpc;
mod grpc_calls;
mod json;
mod methods;
mod parity;
mod platform;
mod predict;
mod rows;
mod rpc;
mod shortcut;
mod support;
mod telemetry;
mod triton;
mod v1;
