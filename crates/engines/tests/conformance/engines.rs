//! The engines that the suite judges: here a new one gets its row.

use std::path::Path;
use std::sync::Arc;

use loadonce_core::Engine;
use loadonce_engines::lightgbm::LightGbm;
use loadonce_engines::onnxruntime::{Library, OnnxRuntime};
use loadonce_engines::rten_engine::Rten;
use loadonce_engines::tabular::Tabular;
use loadonce_engines::xgboost::XgBoost;

use super::exceptions::Exceptions;

/// An engine and what is asked of it.
pub(crate) struct Contestant {
    pub(crate) engine: Arc<dyn Engine>,
    /// Extensions of the files that it claims to read.
    pub(crate) formats: &'static [&'static str],
    /// Groups in which even a refusal is a failure.
    pub(crate) must_pass: &'static [&'static str],
    pub(crate) exceptions: Exceptions,
}

impl Contestant {
    pub(crate) fn name(&self) -> &'static str {
        self.engine.name()
    }
}

/// All engines. `onnxruntime` is the library of ONNX Runtime; without it that engine is left out.
pub(crate) fn contestants(onnxruntime: Option<&Path>) -> Vec<Contestant> {
    let mut contestants = vec![
        Contestant {
            engine: Arc::new(Tabular),
            formats: &["onnx"],
            must_pass: &["trained"],
            exceptions: Exceptions::parse(include_str!("exceptions/tabular.toml")),
        },
        Contestant {
            engine: Arc::new(XgBoost),
            formats: &["json", "ubj"],
            must_pass: &["native"],
            exceptions: Exceptions::parse(include_str!("exceptions/xgboost.toml")),
        },
        Contestant {
            engine: Arc::new(LightGbm),
            formats: &["txt"],
            must_pass: &["native"],
            exceptions: Exceptions::parse(include_str!("exceptions/lightgbm.toml")),
        },
        Contestant {
            engine: Arc::new(Rten),
            formats: &["onnx"],
            must_pass: &[],
            exceptions: Exceptions::parse(include_str!("exceptions/rten.toml")),
        },
    ];
    contestants.extend(onnxruntime.map(|library| Contestant {
        engine: Arc::new(runtime(library)),
        formats: &["onnx"],
        must_pass: &["trained", "networks"],
        exceptions: Exceptions::parse(include_str!("exceptions/onnxruntime.toml")),
    }));
    contestants
}

fn runtime(library: &Path) -> OnnxRuntime {
    OnnxRuntime::new(Library::open(library).expect("LOADONCE_ONNXRUNTIME is the library of ONNX Runtime"))
}
