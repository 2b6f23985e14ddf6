//! The attributes of a tree ensemble, checked for lengths: parallel lists, one entry a node and one entry a vote.

use std::borrow::Cow;

use loadonce_core::{DType, LoadError, Tensor};

use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::trees::Mode;

/// Floats from an attribute of floats or from its `_as_tensor` twin.
#[derive(Debug)]
pub(super) enum Reals<'a> {
    Singles(&'a [f32]),
    Tensor(Tensor),
}

/// A node's attributes as the file has them.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    pub(super) node: Node<'a>,
    pub(super) tree_ids: &'a [i64],
    pub(super) node_ids: &'a [i64],
    pub(super) features: &'a [i64],
    pub(super) modes: Vec<Mode>,
    pub(super) on_true: &'a [i64],
    pub(super) on_false: &'a [i64],
    /// Empty, or one entry a node.
    pub(super) missing_true: &'a [i64],
    pub(super) thresholds: Reals<'a>,
    pub(super) voting_trees: &'a [i64],
    pub(super) voting_nodes: &'a [i64],
    pub(super) classes: &'a [i64],
    pub(super) weights: Reals<'a>,
    pub(super) base_values: Reals<'a>,
}

impl<'a> Attributes<'a> {
    /// Reads the attributes; `votes` is `class` or `target`.
    pub(super) fn read(node: &Node<'a>, votes: &str) -> Result<Self, LoadError> {
        let vote = |part: &str| node.ints(&format!("{votes}_{part}"));
        let trees = Self {
            node: *node,
            tree_ids: node.ints("nodes_treeids")?,
            node_ids: node.ints("nodes_nodeids")?,
            features: node.ints("nodes_featureids")?,
            modes: modes(node)?,
            on_true: node.ints("nodes_truenodeids")?,
            on_false: node.ints("nodes_falsenodeids")?,
            missing_true: node.ints("nodes_missing_value_tracks_true")?,
            thresholds: Reals::read(node, "nodes_values")?,
            voting_trees: vote("treeids")?,
            voting_nodes: vote("nodeids")?,
            classes: vote("ids")?,
            weights: Reals::read(node, &format!("{votes}_weights"))?,
            base_values: Reals::read(node, "base_values")?,
        };
        trees.check_lengths()?;
        Ok(trees)
    }

    /// Whether any of the numbers is in double precision.
    pub(super) fn has_doubles(&self) -> bool {
        [&self.thresholds, &self.weights, &self.base_values].into_iter().any(Reals::is_double)
    }

    pub(super) fn node_count(&self) -> usize {
        self.node_ids.len()
    }

    pub(super) fn thresholds<T: Real>(&self) -> Result<Vec<T>, LoadError> {
        self.thresholds.to_vec(&self.node)
    }

    pub(super) fn weights<T: Real>(&self) -> Result<Vec<T>, LoadError> {
        self.weights.to_vec(&self.node)
    }

    pub(super) fn base_values<T: Real>(&self) -> Result<Vec<T>, LoadError> {
        self.base_values.to_vec(&self.node)
    }

    fn check_lengths(&self) -> Result<(), LoadError> {
        let nodes = self.node_count();
        let missing = if self.missing_true.is_empty() { nodes } else { self.missing_true.len() };
        let of_nodes = [
            ("nodes_treeids", self.tree_ids.len()),
            ("nodes_featureids", self.features.len()),
            ("nodes_modes", self.modes.len()),
            ("nodes_truenodeids", self.on_true.len()),
            ("nodes_falsenodeids", self.on_false.len()),
            ("nodes_values", self.thresholds.len()),
            ("nodes_missing_value_tracks_true", missing),
        ];
        self.check_length("nodes_nodeids", nodes, &of_nodes)?;
        let of_votes = [
            ("nodeids", self.voting_nodes.len()),
            ("treeids", self.voting_trees.len()),
            ("weights", self.weights.len()),
        ];
        self.check_length("ids", self.classes.len(), &of_votes)?;
        if nodes == 0 {
            return Err(self.node.corrupt("an ensemble without trees"));
        }
        Ok(())
    }

    fn check_length(&self, reference: &str, expected: usize, others: &[(&str, usize)]) -> Result<(), LoadError> {
        match others.iter().find(|(_, length)| *length != expected) {
            None => Ok(()),
            Some((name, length)) => {
                Err(self.node.corrupt(format!("{length} entries in '{name}', {expected} in '{reference}'")))
            }
        }
    }
}

impl<'a> Reals<'a> {
    fn read(node: &Node<'a>, name: &str) -> Result<Self, LoadError> {
        let singles = node.floats(name)?;
        match node.tensor(&format!("{name}_as_tensor"))? {
            None => Ok(Self::Singles(singles)),
            Some(tensor) if tensor.is_empty() => Ok(Self::Singles(singles)),
            Some(_) if !singles.is_empty() => {
                Err(node.corrupt(format!("both '{name}' and '{name}_as_tensor' have entries")))
            }
            Some(tensor) if matches!(tensor.dtype(), DType::Fp32 | DType::Fp64) => Ok(Self::Tensor(tensor)),
            Some(tensor) => Err(node.corrupt(format!("'{name}_as_tensor' holds {}", tensor.dtype()))),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Singles(values) => values.len(),
            Self::Tensor(tensor) => tensor.len(),
        }
    }

    fn is_double(&self) -> bool {
        matches!(self, Self::Tensor(tensor) if tensor.dtype() == DType::Fp64)
    }

    fn to_vec<T: Real>(&self, node: &Node<'_>) -> Result<Vec<T>, LoadError> {
        match self {
            Self::Singles(values) => Ok(values.iter().map(|&value| T::from_f32(value)).collect()),
            Self::Tensor(tensor) => T::of(tensor).map(Cow::into_owned).map_err(|error| node.corrupt(error.to_string())),
        }
    }
}

fn modes(node: &Node<'_>) -> Result<Vec<Mode>, LoadError> {
    let mode = |text: &bytes::Bytes| match &**text {
        b"BRANCH_LEQ" => Ok(Mode::LessOrEqual),
        b"BRANCH_LT" => Ok(Mode::Less),
        b"BRANCH_GTE" => Ok(Mode::GreaterOrEqual),
        b"BRANCH_GT" => Ok(Mode::Greater),
        b"BRANCH_EQ" => Ok(Mode::Equal),
        b"BRANCH_NEQ" => Ok(Mode::NotEqual),
        b"LEAF" => Ok(Mode::Leaf),
        other => Err(node.corrupt(format!("unknown node mode '{}'", other.escape_ascii()))),
    };
    node.strings("nodes_modes")?.iter().map(mode).collect()
}
