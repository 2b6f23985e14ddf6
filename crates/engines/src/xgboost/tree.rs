//! One tree of a file: parallel arrays, one entry a node.
//!
//! A node without a left child is a leaf. Its vote is its split condition, or, in a tree for all outputs, as many votes
//! as there are outputs: in `leaf_weights` (since 3.1), or among the weights of all nodes.

use loadonce_core::LoadError;

use super::value::{Place, corrupt};
use crate::trees::{Child, Mode, Sets, Split, TreeSource, Vote};

#[derive(Debug)]
pub(super) struct Tree {
    name: String,
    left: Vec<i64>,
    right: Vec<i64>,
    columns: Vec<u32>,
    conditions: Vec<f32>,
    default_left: Vec<u8>,
    /// Whether each node splits by categories; empty if none does.
    is_categorical: Vec<u8>,
    categories: Categories,
    leaves: Leaves,
}

/// Whom the leaves vote for.
#[derive(Debug)]
enum Leaves {
    One { class: u32, factor: f32 },
    All { classes: usize, weights: LeafWeights },
}

#[derive(Debug)]
enum LeafWeights {
    /// Weights of leaves, numbered by their right child.
    OfLeaves(Vec<f32>),
    OfNodes(Vec<f32>),
}

/// Sets of categories by node.
#[derive(Debug)]
struct Categories {
    nodes: Vec<usize>,
    starts: Vec<usize>,
    sizes: Vec<usize>,
    all: Vec<u32>,
}

/// What the model knows of one of its trees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role {
    /// The output that its leaves vote for, unless they vote for all of them.
    pub(super) class: u32,
    /// Outputs of the model.
    pub(super) classes: usize,
    /// What its votes are multiplied with.
    pub(super) factor: f32,
}

impl Tree {
    pub(super) fn read(place: &Place<'_>, role: Role) -> Result<Self, LoadError> {
        let optional = |key: &str| -> Result<Vec<u8>, LoadError> {
            place.find(key)?.map_or_else(|| Ok(Vec::new()), |array| array.integers())
        };
        let tree = Self {
            name: place.path().to_owned(),
            left: place.get("left_children")?.integers()?,
            right: place.get("right_children")?.integers()?,
            columns: place.get("split_indices")?.integers()?,
            conditions: place.get("split_conditions")?.singles()?,
            default_left: place.get("default_left")?.integers()?,
            is_categorical: optional("split_type")?,
            categories: Categories::read(place)?,
            leaves: Leaves::read(place, role)?,
        };
        tree.check_lengths(place)?;
        Ok(tree)
    }

    fn check_lengths(&self, place: &Place<'_>) -> Result<(), LoadError> {
        let nodes: usize = place.get("tree_param")?.get("num_nodes")?.parse()?;
        let types = if self.is_categorical.is_empty() { nodes } else { self.is_categorical.len() };
        let lengths = [
            ("left_children", self.left.len()),
            ("right_children", self.right.len()),
            ("split_indices", self.columns.len()),
            ("split_conditions", self.conditions.len()),
            ("default_left", self.default_left.len()),
            ("split_type", types),
        ];
        match lengths.iter().find(|(_, length)| *length != nodes) {
            None if nodes == 0 => Err(place.corrupt("a tree without nodes")),
            None => Ok(()),
            Some((key, length)) => Err(place.corrupt(format!("{length} entries in '{key}', {nodes} nodes"))),
        }
    }

    /// The node that a split leads to.
    fn child(&self, position: usize, children: &[i64]) -> Result<Child, LoadError> {
        let node = usize::try_from(children[position]).ok().filter(|&node| node < self.left.len());
        let node = node.ok_or_else(|| {
            let (child, nodes) = (children[position], self.left.len());
            corrupt(format!("'{}': node {position} leads to node {child} of {nodes}", self.name))
        })?;
        Ok(self.node(node))
    }

    fn node(&self, position: usize) -> Child {
        if self.left[position] == -1 { Child::Leaf(position) } else { Child::Split(position) }
    }
}

impl TreeSource<f32> for Tree {
    fn split_count(&self) -> usize {
        self.left.len()
    }

    fn root(&self) -> Child {
        self.node(0)
    }

    /// What holds goes left: a value below the condition, or a category that is not in the set.
    fn split(&self, position: usize, sets: &mut Sets) -> Result<Split<f32>, LoadError> {
        let children = [self.child(position, &self.right)?, self.child(position, &self.left)?];
        let mode = match self.is_categorical.get(position) {
            None | Some(0) => Mode::Less,
            Some(1) => {
                let set = self.categories.of(position).and_then(|categories| sets.push_categories(categories));
                let set = set.ok_or_else(|| {
                    corrupt(format!("'{}': node {position} splits by categories that are not there", self.name))
                })?;
                Mode::NoneOf(set)
            }
            Some(other) => return Err(corrupt(format!("'{}': split type {other}, expected 0 or 1", self.name))),
        };
        Ok(Split {
            column: self.columns[position],
            mode,
            threshold: self.conditions[position],
            missing_holds: self.default_left[position] != 0,
            children,
        })
    }

    fn leaf(&self, position: usize, votes: &mut Vec<Vote<f32>>) -> Result<(), LoadError> {
        let weights = match &self.leaves {
            Leaves::One { class, factor } => {
                votes.push(Vote { class: *class, weight: self.conditions[position] * factor });
                return Ok(());
            }
            Leaves::All { classes, weights: LeafWeights::OfNodes(weights) } => slice(weights, position, *classes),
            Leaves::All { classes, weights: LeafWeights::OfLeaves(weights) } => {
                usize::try_from(self.right[position]).ok().and_then(|leaf| slice(weights, leaf, *classes))
            }
        };
        let weights = weights.ok_or_else(|| corrupt(format!("'{}': leaf {position} has no weights", self.name)))?;
        votes.extend((0..).zip(weights).map(|(class, &weight)| Vote { class, weight }));
        Ok(())
    }
}

impl Leaves {
    fn read(place: &Place<'_>, role: Role) -> Result<Self, LoadError> {
        let Role { class, classes, factor } = role;
        let size = place.get("tree_param")?.find("size_leaf_vector")?.map_or(Ok(1), |size| size.parse::<usize>())?;
        // Files before 1.6 write 0 for a single value.
        if size <= 1 {
            return Ok(Self::One { class, factor });
        }
        if size != classes {
            return Err(place.corrupt(format!("{size} values a leaf, {classes} outputs")));
        }
        let weights = match place.find("leaf_weights")? {
            Some(weights) => LeafWeights::OfLeaves(weights.singles()?),
            None => LeafWeights::OfNodes(place.get("base_weights")?.singles()?),
        };
        Ok(Self::All { classes, weights })
    }
}

impl Categories {
    fn read(place: &Place<'_>) -> Result<Self, LoadError> {
        let array = |key: &str| -> Result<Vec<usize>, LoadError> {
            place.find(key)?.map_or_else(|| Ok(Vec::new()), |array| array.integers())
        };
        let all = place.find("categories")?.map_or_else(|| Ok(Vec::new()), |array| array.integers())?;
        let nodes = array("categories_nodes")?;
        let (starts, sizes) = (array("categories_segments")?, array("categories_sizes")?);
        if nodes.len() != starts.len() || nodes.len() != sizes.len() {
            let detail = "'categories_nodes', 'categories_segments' and 'categories_sizes' are not equally long";
            return Err(place.corrupt(detail));
        }
        if !nodes.is_sorted() {
            return Err(place.corrupt("'categories_nodes' is not in ascending order"));
        }
        Ok(Self { nodes, starts, sizes, all })
    }

    fn of(&self, node: usize) -> Option<&[u32]> {
        let index = self.nodes.binary_search(&node).ok()?;
        self.all.get(self.starts[index]..)?.get(..self.sizes[index])
    }
}

fn slice(weights: &[f32], position: usize, width: usize) -> Option<&[f32]> {
    weights.get(position.checked_mul(width)?..)?.get(..width)
}
