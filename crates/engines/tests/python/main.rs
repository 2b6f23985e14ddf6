//! Models in Python on real processes: how they load, answer, die and come back. Needs `python3`, and no packages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod dying;
mod loading;
mod memory;
mod support;
