//! Engines of loadonce: code that turns a model's files into a loaded model.
//!
//! An engine implements the three traits of `loadonce_core::engine`: `Engine` reads and prepares a model, once;
//! `Model` is the loaded weights, one copy shared by all; `Session` is one thread's right to run it. An engine knows
//! no protocol and no other engine, and which engine serves a model is decided elsewhere, before loading, by what
//! `supports` of each engine says of the file's [`onnx::Summary`].
//!
//! | feature | engine | for |
//! | --- | --- | --- |
//! | `tabular` | `tabular::Tabular` | classical models in ONNX: linear models, trees, what stands before and after them |
//! | `xgboost` | `xgboost::XgBoost` | models that XGBoost saved |
//! | `lightgbm` | `lightgbm::LightGbm` | models that LightGBM saved |
//! | `rten` | `rten_engine::Rten` | neural networks in ONNX |
//! | `onnxruntime` | `onnxruntime::OnnxRuntime` | every model in ONNX, where the ONNX Runtime library is installed |
//! | `python` | `python::Python` | Python code and pickled objects, in processes of the user's own interpreter |
//!
//! `isolated::Isolated` runs another engine's models in processes of their own, so that a crash of native code takes one
//! worker. What it shares with `python` is `workers`: templates that load once, and the workers that they fork.
//!
//! [`onnx`] is no engine but the reading of a format that several share; nor is `trees`, the kernel under every engine
//! with decision trees, or `boosted`, what the boosters share.
//!
//! To add an engine, make a folder and a feature, implement the traits, and name it in the program's list; see
//! ARCHITECTURE.md, "A new engine".

#![deny(unsafe_code)]

pub mod onnx;

#[cfg(feature = "tabular")]
pub mod tabular;

#[cfg(feature = "xgboost")]
pub mod xgboost;

#[cfg(feature = "lightgbm")]
pub mod lightgbm;

#[cfg(any(feature = "xgboost", feature = "lightgbm"))]
#[cfg_attr(not(feature = "xgboost"), expect(dead_code, reason = "only XGBoost has all forms of answers"))]
mod boosted;

#[cfg(any(feature = "tabular", feature = "xgboost", feature = "lightgbm"))]
#[cfg_attr(
    not(all(feature = "tabular", feature = "xgboost", feature = "lightgbm")),
    expect(dead_code, reason = "no engine alone uses all of it")
)]
mod trees;

#[cfg(feature = "rten")]
pub mod rten_engine;

#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;

#[cfg(any(feature = "python", feature = "isolation"))]
#[cfg_attr(not(feature = "isolation"), expect(dead_code, reason = "workers in Python have the other side in Python"))]
pub mod workers;

#[cfg(feature = "isolation")]
pub mod isolated;

#[cfg(feature = "python")]
pub mod python;
