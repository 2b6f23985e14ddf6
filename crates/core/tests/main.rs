//! The loader, the queue and the handle, with fake engines. Tests wait for states, never for times.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batching;
mod budget;
mod handle;
mod loading;
mod reloading;
mod rows;
mod support;
