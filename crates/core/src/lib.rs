//! The heart of loadonce: what a model is, how it is loaded exactly once, when it is ready, and how requests reach it.
//!
//! This crate knows no network, no wire format and no engine. A request's way through it: [`ModelHandle::infer`]
//! checks it against the [`Signature`], the model's bounded queue takes it, a session's thread runs it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use loadonce_core::loader::{Declared, Engines, LoadOptions, Loading};
//! use loadonce_core::status::{Board, ReadyRules};
//! use loadonce_core::testing::FakeEngine;
//! use loadonce_core::{InferRequest, ModelSpec, NamedTensor, Shape, Tensor};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The fake doubles its input; a real program has engines here.
//! let engines: Arc<dyn Engines> = Arc::new(FakeEngine::default());
//! let board = Board::new(ReadyRules::default());
//! let declared = vec![Declared { component: board.declare("m"), spec: ModelSpec::new("m", "models/m.onnx") }];
//! let models = Loading::start(declared, &engines, board.view(), LoadOptions::default())?.finish().await?;
//!
//! let tensor = Tensor::from_vec(Shape::new([1, 2]), vec![1.0_f32, 2.0])?;
//! let inputs = vec![NamedTensor { name: "x".to_owned(), tensor }];
//! let response = models.running[0].handle().infer(InferRequest { inputs, ..InferRequest::default() }).await?;
//! assert_eq!(response.outputs[0].tensor.as_slice::<f32>()?, [2.0, 4.0]);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod tensor;
pub mod signature;
pub mod request;
pub mod engine;
pub mod error;
pub mod ledger;
pub mod progress;
pub mod sample;
pub mod spec;
pub mod status;
pub mod loader;
mod budget;
mod queue;
mod running;
pub mod plan;
pub mod registry;
pub mod trial;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::budget::Budget;
pub use self::engine::{Batch, Contract, Engine, Model, Outputs, Session};
pub use self::error::{ErrorKind, InferError, LoadError, LoadErrorKind, LookupError, RowFault, RunError};
pub use self::ledger::Memory;
pub use self::progress::Progress;
pub use self::queue::QueueLoad;
pub use self::registry::Registry;
pub use self::request::{InferRequest, InferResponse, NamedTensor, Parameter, SharedRun, Timing};
pub use self::running::{ModelHandle, RunningModel};
pub use self::signature::{Content, Dim, FillValue, RequestError, Signature, TensorSpec};
pub use self::spec::{Batching, Isolation, Limits, ModelFile, ModelSpec, SharedRuns};
pub use self::tensor::{DType, Element, Shape, Strings, Tensor, TensorError};
