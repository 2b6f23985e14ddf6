//! The shell from outside: real sockets on free ports, waiting for states and answers, never for a time.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod support;
mod probes;
mod startup;
mod serving;
mod drain;
mod no_lost_requests;
mod listeners;
mod observing;
mod limits;
mod http2;
mod signals;
mod example;
