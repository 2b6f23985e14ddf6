//! The prediction protocols over a registry of loaded models.
//!
//! Handlers are thin: they find the model in the [`Registry`](loadonce_core::Registry), decode the request into
//! tensors ([`wire`]), wait for [`ModelHandle::infer`](loadonce_core::ModelHandle::infer), and encode the answer. This
//! crate knows no engine by name and loads nothing.

#![forbid(unsafe_code)]

pub mod api;
pub mod wire;
pub mod samples;
pub mod report;
pub mod explain;
mod counts;
mod deadline;
mod error;
mod facts;
mod grpc;
mod ledger;
mod openapi;
mod http;
mod metrics;
mod predict;
mod statistics;

pub use self::api::{Api, Limits, Telemetry};
pub use self::error::{ApiError, ApiErrorKind, Detail, grpc_code, grpc_failure, http_status};
pub use self::http::{NoOrigin, Origins};
pub use self::predict::Prediction;
pub use self::samples::SampleFolder;
