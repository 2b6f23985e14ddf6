//! Engine `xgboost`: models that XGBoost saved, as JSON or as UBJSON, without XGBoost.
//!
//! Input `input` `FP32` `[N,columns]`, where `NaN` is a missing value and a category is its code. Answers are those of
//! `Booster.predict`, to the rounding of single precision; of a model that a scikit-learn estimator saved, those of
//! `XGBModel.predict`, which stops at the best iteration. Boosters `gbtree`, `dart` and `gblinear`, one tree for each
//! output or for all of them.
//!
//! The format is [XGBoost's model schema](https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html).
//! `json.rs` and `ubjson.rs` read the same values; `learner.rs` makes a booster of them.

mod json;
mod learner;
mod linear;
mod objective;
mod tree;
mod ubjson;
mod value;

use std::sync::Arc;

use loadonce_core::{Engine, LoadError, LoadErrorKind, Model, ModelSpec, Progress};

use self::learner::Learner;
use self::value::Value;
use crate::boosted::{self, into_model};

/// The engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct XgBoost;

/// The model in a file of XGBoost, which may be JSON or UBJSON: its content tells.
///
/// # Errors
/// [`LoadErrorKind::Corrupt`] for what is not such a file, is cut short, or contradicts itself;
/// [`LoadErrorKind::Unsupported`] for an objective or a booster that the engine does not have.
pub fn parse(file: &[u8]) -> Result<Arc<dyn Model>, LoadError> {
    Ok(into_model(Learner::read(&read(file)?)?))
}

/// Both formats begin with a brace. In JSON a key or the end follows, and in UBJSON the type of a key's length.
fn read(file: &[u8]) -> Result<Value, LoadError> {
    let start = file.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(file.len());
    match file[start..].split_first() {
        Some((b'{', rest)) if rest.first().is_some_and(|byte| b"iUIlL$#".contains(byte)) => {
            ubjson::read(&file[start..]).map_err(|error| error.caused("a UBJSON file of XGBoost"))
        }
        Some((b'{', _)) => json::read(file).map_err(|error| error.caused("a JSON file of XGBoost")),
        _ => Err(LoadError::new(LoadErrorKind::Corrupt, "neither JSON nor UBJSON: it does not begin with '{'")
            .advise("save the model with Booster.save_model('model.json') or ('model.ubj')")),
    }
}

impl Engine for XgBoost {
    fn name(&self) -> &'static str {
        "xgboost"
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        boosted::load(spec, progress, parse)
    }
}

#[cfg(test)]
mod tests;
