//! The heart of loadonce: what a model is, how it is loaded exactly once, when it is ready, and how requests reach it.
//!
//! This crate knows no network, no wire format and no engine. A request's way through it: [`ModelHandle::infer`]
//! checks it against the [`Signature`], the model's bounded queue takes it, a session's thread runs it.

#![forbid(unsafe_code)]

pub mod tensor;
pub mod signature;
pub mod request;
pub mod engine;
pub mod error;
pub mod progress;
pub mod sample;
pub mod spec;
pub mod status;
pub mod loader;
mod queue;
mod running;
pub mod registry;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::engine::{Batch, Contract, Engine, Footprint, Model, Outputs, Session};
pub use self::error::{ErrorKind, InferError, LoadError, LoadErrorKind, LookupError, RunError};
pub use self::progress::Progress;
pub use self::queue::QueueLoad;
pub use self::registry::Registry;
pub use self::request::{InferRequest, InferResponse, NamedTensor, Parameter, Timing};
pub use self::running::{ModelHandle, RunningModel};
pub use self::signature::{Dim, RequestError, Signature, TensorSpec};
pub use self::spec::{Limits, ModelFile, ModelSpec};
pub use self::tensor::{DType, Element, Shape, Strings, Tensor, TensorError};
