//! `TreeEnsemble` (ai.onnx.ml 5): the votes are the answer, as with `TreeEnsembleRegressor`, but branches and leaves stand
//! in lists of their own, by position, and a branch can test whether a feature is one of several numbers.
//!
//! Takes `FP32` or `FP64` `[N,C]` or `[C]`, gives the same dtype `[N,targets]`. It is laid out as the older operators are:
//! leaves become nodes behind the branches, and a test of membership a chain of tests for equality.
//!
//! The specification gives `post_transform` the numbers 1 for softmax and 2 for logistic; ONNX Runtime has them the other
//! way round, and since it is what a model is tried with, so do we. A number is a member if it is equal to one, as the
//! specification has it; ONNX Runtime cuts fractions off first where a member is below 0 or above 30.

use std::borrow::Cow;

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::attributes::{Attributes, Reals};
use super::regressor::MAX_TARGETS;
use super::votes::{Aggregate, Score};
use super::{Ensemble, layout};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Table, Value, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::tabular::ops::post_transform::PostTransform;
use crate::trees::Mode;

/// Attributes of `TreeEnsemble`; `nodes_hitrates` is there for planners and changes no answer.
pub(in crate::tabular::ops) const ATTRIBUTES: &[&str] = &[
    "aggregate_function",
    "leaf_targetids",
    "leaf_weights",
    "membership_values",
    "n_targets",
    "nodes_falseleafs",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_splits",
    "nodes_trueleafs",
    "nodes_truenodeids",
    "post_transform",
    "tree_roots",
];

#[derive(Debug)]
struct TreeEnsemble<T> {
    ensemble: Ensemble<T>,
    transform: PostTransform,
}

/// The attributes as the file has them, checked for lengths.
#[derive(Debug)]
struct Lists<'a, T> {
    node: Node<'a>,
    modes: Tensor,
    features: &'a [i64],
    splits: Vec<T>,
    /// What each node leads to if its test does not hold, and if it does; and whether that is a leaf.
    children: [&'a [i64]; 2],
    are_leaves: [&'a [i64]; 2],
    /// Empty, or one entry a node.
    missing_true: &'a [i64],
    members: Vec<T>,
    leaf_targets: &'a [i64],
    leaf_weights: Vec<T>,
}

/// Nodes of the older operators: the file's own, then its leaves, then what the chains of membership tests add.
#[derive(Debug, Default)]
struct Nodes<T> {
    features: Vec<i64>,
    modes: Vec<Mode>,
    thresholds: Vec<T>,
    on_false: Vec<i64>,
    on_true: Vec<i64>,
    missing_true: Vec<i64>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Branch<T> {
    feature: i64,
    mode: Mode,
    threshold: T,
    on_false: i64,
    on_true: i64,
    missing_true: i64,
}

pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&[DType::Fp32, DType::Fp64], node)?;
    let table = input.table(node)?;
    let (dtype, rows) = (input.dtype, table.rows.clone());
    let targets = node.int("n_targets")?.unwrap_or(0);
    let count = usize::try_from(targets).ok().filter(|count| (1..=MAX_TARGETS).contains(count));
    let count = count.ok_or_else(|| node.corrupt(format!("{targets} targets")))?;
    let kernel: Box<dyn Kernel> = match dtype {
        DType::Fp64 => Box::new(TreeEnsemble::<f64>::prepare(node, &table, count)?),
        _ => Box::new(TreeEnsemble::<f32>::prepare(node, &table, count)?),
    };
    Ok(Prepared { kernel, outputs: vec![Value::new(dtype, Some(vec![rows, Dim::Fixed(count)]))] })
}

impl<T: Real> Kernel for TreeEnsemble<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let scores = self.ensemble.votes(inputs.get(0)?)?.into_rows();
        let targets = self.ensemble.forest.classes();
        let shape = Shape::new([scores.len() / targets, targets]);
        let answers = if self.transform == PostTransform::None {
            scores.iter().map(|score| score.value).collect()
        } else {
            self.transformed(&scores)
        };
        outputs.push(tensor(shape, answers)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.ensemble.weight_bytes()
    }
}

impl<T: Real> TreeEnsemble<T> {
    fn prepare(node: &Node<'_>, table: &Table, targets: usize) -> Result<Self, LoadError> {
        let lists = Lists::<T>::read(node)?;
        let nodes = lists.unrolled()?;
        let ids: Vec<i64> = (0..).take(nodes.modes.len()).collect();
        let leaf_ids: Vec<i64> = ids.iter().copied().skip(lists.node_count()).take(lists.leaf_targets.len()).collect();
        let no_trees = vec![0; ids.len()];
        let trees = Attributes {
            node: *node,
            tree_ids: &no_trees,
            node_ids: &ids,
            features: &nodes.features,
            modes: nodes.modes,
            on_true: &nodes.on_true,
            on_false: &nodes.on_false,
            missing_true: &nodes.missing_true,
            thresholds: reals(node, nodes.thresholds)?,
            voting_trees: &no_trees[..leaf_ids.len()],
            voting_nodes: &leaf_ids,
            classes: lists.leaf_targets,
            weights: reals(node, lists.leaf_weights.clone())?,
            base_values: Reals::Singles(&[]),
        };
        let forest = layout::build_from(node, &trees, &lists.roots()?, targets)?;
        let ensemble = Ensemble { forest, aggregate: aggregate(node)?, base_values: Vec::new() };
        Ok(Self { ensemble: ensemble.for_table(node, table)?, transform: transform(node)? })
    }

    /// In single precision, as ONNX Runtime's transforms are for both dtypes.
    fn transformed(&self, scores: &[Score<T>]) -> Vec<T> {
        let mut answers: Vec<f32> = scores.iter().map(|score| score.value.to_f32()).collect();
        self.transform.apply_rows(&mut answers, self.ensemble.forest.classes());
        answers.into_iter().map(T::from_f32).collect()
    }
}

impl<'a, T: Real> Lists<'a, T> {
    fn read(node: &Node<'a>) -> Result<Self, LoadError> {
        let modes = node.tensor("nodes_modes")?.ok_or_else(|| node.corrupt("no attribute 'nodes_modes'"))?;
        let lists = Self {
            node: *node,
            modes,
            features: node.ints("nodes_featureids")?,
            splits: numbers(node, "nodes_splits")?,
            children: [node.ints("nodes_falsenodeids")?, node.ints("nodes_truenodeids")?],
            are_leaves: [node.ints("nodes_falseleafs")?, node.ints("nodes_trueleafs")?],
            missing_true: node.ints("nodes_missing_value_tracks_true")?,
            members: numbers(node, "membership_values")?,
            leaf_targets: node.ints("leaf_targetids")?,
            leaf_weights: numbers(node, "leaf_weights")?,
        };
        lists.check_lengths()?;
        Ok(lists)
    }

    fn check_lengths(&self) -> Result<(), LoadError> {
        let nodes = self.node_count();
        let missing = if self.missing_true.is_empty() { nodes } else { self.missing_true.len() };
        let lengths = [
            ("nodes_featureids", self.features.len(), nodes),
            ("nodes_splits", self.splits.len(), nodes),
            ("nodes_falsenodeids", self.children[0].len(), nodes),
            ("nodes_truenodeids", self.children[1].len(), nodes),
            ("nodes_falseleafs", self.are_leaves[0].len(), nodes),
            ("nodes_trueleafs", self.are_leaves[1].len(), nodes),
            ("nodes_missing_value_tracks_true", missing, nodes),
            ("leaf_weights", self.leaf_weights.len(), self.leaf_targets.len()),
        ];
        match lengths.iter().find(|(_, length, expected)| length != expected) {
            None => Ok(()),
            Some((name, length, expected)) => {
                Err(self.node.corrupt(format!("{length} entries in '{name}', expected {expected}")))
            }
        }
    }

    fn node_count(&self) -> usize {
        self.modes.len()
    }

    /// Where the trees begin: positions of nodes.
    fn roots(&self) -> Result<Vec<usize>, LoadError> {
        let roots = self.node.ints("tree_roots")?;
        let valid = |&root: &i64| usize::try_from(root).ok().filter(|&root| root < self.node_count());
        let roots: Option<Vec<usize>> = roots.iter().map(valid).collect();
        let roots = roots.ok_or_else(|| self.node.corrupt("a root is none of the nodes"))?;
        if roots.is_empty() { Err(self.node.corrupt("an ensemble without trees")) } else { Ok(roots) }
    }

    fn unrolled(&self) -> Result<Nodes<T>, LoadError> {
        let codes = self.modes.as_slice::<u8>().map_err(|error| self.node.corrupt(error.to_string()))?;
        let (mut nodes, mut chains) = (Nodes::default(), Vec::new());
        let mut members = self.members.split(|value| value.is_missing());
        for (position, &code) in codes.iter().enumerate() {
            let mut branch = self.branch(position, Mode::Equal)?;
            match mode(code) {
                Some(mode) => branch.mode = mode,
                None if code == MEMBER => {
                    let [first, others @ ..] = members.next().unwrap_or_default() else {
                        return Err(self.node.corrupt(format!("node {position} has no members to test for")));
                    };
                    branch.threshold = *first;
                    chains.push((position, others));
                }
                None => return Err(self.node.corrupt(format!("node {position} has unknown mode {code}"))),
            }
            nodes.push(branch);
        }
        for _ in self.leaf_targets {
            nodes.push(Branch::leaf());
        }
        for (position, members) in chains {
            nodes.extend_chain(position, members);
        }
        Ok(nodes)
    }

    fn branch(&self, position: usize, mode: Mode) -> Result<Branch<T>, LoadError> {
        Ok(Branch {
            feature: self.features[position],
            mode,
            threshold: self.splits[position],
            on_false: self.child(position, 0)?,
            on_true: self.child(position, 1)?,
            missing_true: self.missing_true.get(position).copied().unwrap_or(0),
        })
    }

    /// The number, among the nodes of the older operators, of what a node leads to.
    fn child(&self, position: usize, holds: usize) -> Result<i64, LoadError> {
        let (child, is_leaf) = (self.children[holds][position], self.are_leaves[holds][position] != 0);
        let (count, before) =
            if is_leaf { (self.leaf_targets.len(), self.node_count()) } else { (self.node_count(), 0) };
        let number = usize::try_from(child).ok().filter(|&child| child < count);
        let number = number.and_then(|number| i64::try_from(before + number).ok());
        let kind = if is_leaf { "leaf" } else { "node" };
        number.ok_or_else(|| self.node.corrupt(format!("node {position} leads to {kind} {child} of {count}")))
    }
}

impl<T: Real> Nodes<T> {
    fn push(&mut self, branch: Branch<T>) {
        self.features.push(branch.feature);
        self.modes.push(branch.mode);
        self.thresholds.push(branch.threshold);
        self.on_false.push(branch.on_false);
        self.on_true.push(branch.on_true);
        self.missing_true.push(branch.missing_true);
    }

    /// Tests, after the node at a position, for further members. They all lead where it leads if they hold; if none does,
    /// the last one leads on.
    fn extend_chain(&mut self, position: usize, members: &[T]) {
        let on_false = self.on_false[position];
        let mut last = position;
        for &member in members {
            self.on_false[last] = i64::try_from(self.modes.len()).unwrap_or(i64::MAX);
            last = self.modes.len();
            self.push(Branch {
                feature: self.features[position],
                mode: Mode::Equal,
                threshold: member,
                on_false,
                on_true: self.on_true[position],
                missing_true: self.missing_true[position],
            });
        }
    }
}

impl<T: Real> Branch<T> {
    fn leaf() -> Self {
        Self { feature: 0, mode: Mode::Leaf, threshold: T::default(), on_false: 0, on_true: 0, missing_true: 0 }
    }
}

/// The number of a test for membership in `nodes_modes`.
const MEMBER: u8 = 6;

fn mode(code: u8) -> Option<Mode> {
    Some(match code {
        0 => Mode::LessOrEqual,
        1 => Mode::Less,
        2 => Mode::GreaterOrEqual,
        3 => Mode::Greater,
        4 => Mode::Equal,
        5 => Mode::NotEqual,
        _ => return None,
    })
}

fn aggregate(node: &Node<'_>) -> Result<Aggregate, LoadError> {
    match node.int("aggregate_function")?.unwrap_or(1) {
        0 => Ok(Aggregate::Average),
        1 => Ok(Aggregate::Sum),
        2 => Ok(Aggregate::Min),
        3 => Ok(Aggregate::Max),
        other => Err(node.corrupt(format!("unknown aggregate_function {other}"))),
    }
}

fn transform(node: &Node<'_>) -> Result<PostTransform, LoadError> {
    match node.int("post_transform")?.unwrap_or(0) {
        0 => Ok(PostTransform::None),
        1 => Ok(PostTransform::Logistic),
        2 => Ok(PostTransform::Softmax),
        3 => Ok(PostTransform::SoftmaxZero),
        4 => Ok(PostTransform::Probit),
        other => Err(node.corrupt(format!("unknown post_transform {other}"))),
    }
}

/// A tensor of the input's dtype; empty if the node does not have it.
fn numbers<T: Real>(node: &Node<'_>, name: &str) -> Result<Vec<T>, LoadError> {
    let Some(tensor) = node.tensor(name)? else { return Ok(Vec::new()) };
    if tensor.dtype() != T::DTYPE {
        return Err(node.corrupt(format!("'{name}' holds {}, the input {}", tensor.dtype(), T::DTYPE)));
    }
    T::of(&tensor).map(Cow::into_owned).map_err(|error| node.corrupt(error.to_string()))
}

fn reals<'a, T: Real>(node: &Node<'_>, values: Vec<T>) -> Result<Reals<'a>, LoadError> {
    let tensor = Tensor::from_vec(Shape::new([values.len()]), values);
    tensor.map(Reals::Tensor).map_err(|error| node.corrupt(error.to_string()))
}
