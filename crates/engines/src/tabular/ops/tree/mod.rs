//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` (ai.onnx.ml 1 and 3) and what replaced both, `TreeEnsemble` (5):
//! many decision trees whose leaves vote.
//!
//! The former two take numbers `[N,C]` or `[C]` and give `FP32` scores `[N,classes]` or `[N,targets]`; the classifier gives
//! labels `[N]` before them. [`attributes`] reads a node, [`layout`] turns it into a [`Forest`] and
//! proves that safe to walk, [`votes`] adds up what the leaves say.

mod attributes;
mod classifier;
mod layout;
mod regressor;
mod version5;
mod votes;

pub(super) use self::classifier::prepare as prepare_classifier;
pub(super) use self::regressor::prepare as prepare_regressor;
pub(super) use self::version5::{ATTRIBUTES as ENSEMBLE_ATTRIBUTES, prepare as prepare_ensemble};

use loadonce_core::{DType, LoadError, RunError, Tensor};

use self::attributes::Attributes;
use self::votes::{Aggregate, Votes};
use crate::tabular::kernel::{Extent, NUMBERS, Table, Value, invalid};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::trees::Forest;

/// Attributes of `TreeEnsembleClassifier`; the tensors came with version 3.
pub(super) const CLASSIFIER_ATTRIBUTES: &[&str] = &[
    "base_values",
    "base_values_as_tensor",
    "class_ids",
    "class_nodeids",
    "class_treeids",
    "class_weights",
    "class_weights_as_tensor",
    "classlabels_int64s",
    "classlabels_strings",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_hitrates_as_tensor",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "nodes_values_as_tensor",
    "post_transform",
];

/// Attributes of `TreeEnsembleRegressor`; the tensors came with version 3.
pub(super) const REGRESSOR_ATTRIBUTES: &[&str] = &[
    "aggregate_function",
    "base_values",
    "base_values_as_tensor",
    "n_targets",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_hitrates_as_tensor",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "nodes_values_as_tensor",
    "post_transform",
    "target_ids",
    "target_nodeids",
    "target_treeids",
    "target_weights",
    "target_weights_as_tensor",
];

/// Trees with what is added to their votes.
#[derive(Debug)]
struct Ensemble<T> {
    forest: Forest<T>,
    aggregate: Aggregate,
    base_values: Vec<T>,
}

/// Single precision unless the input or the thresholds are in double, as in ONNX Runtime.
fn is_double(trees: &Attributes<'_>, input: &Value) -> bool {
    input.dtype == DType::Fp64 || trees.has_doubles()
}

fn table(node: &Node<'_>, input: &Value) -> Result<Table, LoadError> {
    input.expect(&NUMBERS, node)?;
    input.table(node)
}

impl<T: Real> Ensemble<T> {
    /// Lays out the trees, which vote for `classes` classes or targets; refuses features that the input does not have.
    fn prepare(node: &Node<'_>, trees: &Attributes<'_>, classes: usize, table: &Table) -> Result<Self, LoadError> {
        let forest = layout::build(node, trees, classes)?;
        let base_values = trees.base_values()?;
        Self { forest, aggregate: Aggregate::read(node)?, base_values }.for_table(node, table)
    }

    /// Refuses trees that use columns which the input does not have.
    fn for_table(self, node: &Node<'_>, table: &Table) -> Result<Self, LoadError> {
        match table.width {
            Some(width) if width < self.forest.width() => {
                let used = self.forest.width();
                Err(node.corrupt(format!("the trees use {used} columns, the input has {width}")))
            }
            _ => Ok(self),
        }
    }

    /// What the trees say of every row.
    fn votes(&self, input: &Tensor) -> Result<Votes<T>, RunError> {
        let extent = Extent::of(input)?;
        if extent.width < self.forest.width() {
            return Err(invalid(format!("expected {} columns or more, got {}", self.forest.width(), extent.width)));
        }
        let values = T::of(input)?;
        let mut votes = Votes::new(extent.rows, self.forest.classes(), self.aggregate);
        self.forest.vote(&values, extent.width, &mut votes);
        if self.aggregate == Aggregate::Average {
            votes.divide(self.forest.tree_count());
        }
        Ok(votes)
    }

    fn weight_bytes(&self) -> usize {
        self.forest.bytes() + size_of_val(&*self.base_values)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod version5_tests;
