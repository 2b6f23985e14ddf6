//! The engines that the suite judges: here a new one gets its row.

use std::path::Path;
use std::sync::Arc;

use loadonce_core::Engine;

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

/// All engines of this build. `onnxruntime` is the library of ONNX Runtime; without it that engine is left out.
pub(crate) fn contestants(_onnxruntime: Option<&Path>) -> Vec<Contestant> {
    vec![
        #[cfg(feature = "tabular")]
        Contestant {
            engine: Arc::new(loadonce_engines::tabular::Tabular),
            formats: &["onnx"],
            must_pass: &["trained"],
            exceptions: Exceptions::parse(include_str!("exceptions/tabular.toml")),
        },
        #[cfg(feature = "xgboost")]
        Contestant {
            engine: Arc::new(loadonce_engines::xgboost::XgBoost),
            formats: &["json", "ubj"],
            must_pass: &["native"],
            exceptions: Exceptions::parse(include_str!("exceptions/xgboost.toml")),
        },
        #[cfg(feature = "lightgbm")]
        Contestant {
            engine: Arc::new(loadonce_engines::lightgbm::LightGbm),
            formats: &["txt"],
            must_pass: &["native"],
            exceptions: Exceptions::parse(include_str!("exceptions/lightgbm.toml")),
        },
        #[cfg(feature = "rten")]
        Contestant {
            engine: Arc::new(loadonce_engines::rten_engine::Rten),
            formats: &["onnx"],
            must_pass: &[],
            exceptions: Exceptions::parse(include_str!("exceptions/rten.toml")),
        },
    ]
}
