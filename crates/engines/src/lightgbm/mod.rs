//! Engine `lightgbm`: models that LightGBM saved as text, without LightGBM.
//!
//! Input `input` `FP64` `[N,columns]`, where `NaN` is a missing value and a category is its code. Answers are those of
//! `Booster.predict` with all trees of the file, to the rounding of double precision.
//!
//! The format is that of `GBDT::SaveModelToString` and `Tree::ToString` in LightGBM's sources (versions 2 to 4 of it):
//! `text.rs` takes it apart, `booster.rs` makes a booster of it.

mod booster;
mod objective;
mod text;
mod tree;

use std::sync::Arc;

use loadonce_core::{Engine, LoadError, Model, ModelSpec, Progress};

use self::booster::Trees;
use self::text::File;
use crate::boosted::{self, into_model};

/// The engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct LightGbm;

/// The model in a text file of LightGBM.
///
/// # Errors
/// [`Corrupt`](loadonce_core::LoadErrorKind::Corrupt) for what is not such a file, is cut short, or contradicts itself;
/// [`Unsupported`](loadonce_core::LoadErrorKind::Unsupported) for an objective, a version or a kind of tree that the engine does not have.
pub fn parse(file: &[u8]) -> Result<Arc<dyn Model>, LoadError> {
    Ok(into_model(Trees::read(&File::read(file)?)?))
}

impl Engine for LightGbm {
    fn name(&self) -> &'static str {
        "lightgbm"
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        boosted::load(spec, progress, parse)
    }
}

#[cfg(test)]
mod tests;
