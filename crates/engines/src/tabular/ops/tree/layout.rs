//! Laying trees out: from a node's attributes, which may be anything, to a [`Forest`] that is safe to walk.

use std::collections::{HashMap, HashSet};

use loadonce_core::LoadError;

use super::attributes::Attributes;
use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::trees::{Branch, Column, Comparison, Forest, Mode, POSITIONS, Sets, Target, Vote};

/// The forest of an operator whose trees vote for `classes` classes or targets. Anything wrong with its attributes is
/// an error that names the tree and the node.
pub(super) fn build<T: Real>(node: &Node<'_>, trees: &Attributes<'_>, classes: usize) -> Result<Forest<T>, LoadError> {
    Builder::new(node, trees)?.lay_out_all(&first_nodes(trees))?.reached_all()?.finish(classes)
}

/// The same for trees that begin at these positions of the attributes and may have nodes in common. Nodes that none of
/// them reaches are left out.
pub(super) fn build_from<T: Real>(
    node: &Node<'_>,
    trees: &Attributes<'_>,
    roots: &[usize],
    classes: usize,
) -> Result<Forest<T>, LoadError> {
    Builder::new(node, trees)?.lay_out_all(roots)?.finish(classes)
}

/// The first node of a tree is its root, as in ONNX Runtime; the specification does not say.
fn first_nodes(trees: &Attributes<'_>) -> Vec<usize> {
    let mut seen_trees = HashSet::new();
    (0..trees.node_count()).filter(|&position| seen_trees.insert(trees.tree_ids[position])).collect()
}

/// A forest under construction.
struct Builder<'a, T> {
    node: &'a Node<'a>,
    trees: &'a Attributes<'a>,
    /// The position in the attributes by tree and node.
    positions: HashMap<(i64, i64), usize>,
    thresholds: Vec<T>,
    /// Where each node of the attributes went.
    targets: Vec<Option<Target>>,
    /// Whether a node is on the way that is being laid out.
    on_way: Vec<bool>,
    branches: Vec<Branch<T>>,
    modes: Vec<Mode>,
    roots: Vec<Target>,
    leaf_count: u32,
    width: usize,
}

impl<'a, T: Real> Builder<'a, T> {
    fn new(node: &'a Node<'a>, trees: &'a Attributes<'a>) -> Result<Self, LoadError> {
        let count = trees.node_count();
        let most = count.max(trees.classes.len());
        if u32::try_from(most).map_or(true, |most| most >= POSITIONS) {
            return Err(node.unsupported(format!("{most} tree nodes or votes")));
        }
        let mut positions = HashMap::with_capacity(count);
        for (position, id) in trees.tree_ids.iter().copied().zip(trees.node_ids.iter().copied()).enumerate() {
            if positions.insert(id, position).is_some() {
                return Err(node.corrupt(format!("tree {} has node {} twice", id.0, id.1)));
            }
        }
        Ok(Self {
            node,
            trees,
            positions,
            thresholds: trees.thresholds()?,
            targets: vec![None; count],
            on_way: vec![false; count],
            branches: Vec::new(),
            modes: Vec::new(),
            roots: Vec::new(),
            leaf_count: 0,
            width: 1,
        })
    }

    fn lay_out_all(mut self, roots: &[usize]) -> Result<Self, LoadError> {
        self.roots = roots.iter().map(|&root| self.lay_out(root)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    fn reached_all(self) -> Result<Self, LoadError> {
        match self.targets.iter().position(Option::is_none) {
            None => Ok(self),
            Some(position) => {
                let name = self.name(position);
                Err(self.node.corrupt(format!("{name} cannot be reached from its tree's first node")))
            }
        }
    }

    fn finish(self, classes: usize) -> Result<Forest<T>, LoadError> {
        let (leaf_votes, votes) = self.votes(classes)?;
        let comparison = Comparison::of(&self.branches, &self.modes);
        let Self { mut branches, mut modes, roots, width, .. } = self;
        branches.shrink_to_fit();
        if comparison != Comparison::Mixed {
            modes = Vec::new();
        }
        Ok(Forest { branches, modes, sets: Sets::default(), roots, leaf_votes, votes, comparison, width, classes })
    }

    /// Lays out a tree depth first, so that a branch mostly stands before the branch that it leads to. A node may be
    /// reached on several ways (LightGBM's sets are exported so), but none on a way that began at it.
    fn lay_out(&mut self, root: usize) -> Result<Target, LoadError> {
        let root_target = self.place(root)?;
        let mut way = Vec::new();
        self.enter(root, &mut way);
        while let Some(step) = way.last_mut() {
            let (position, taken) = *step;
            step.1 += 1;
            if taken == 2 {
                self.on_way[position] = false;
                way.pop();
                continue;
            }
            let next = self.next(position, taken == 1)?;
            if self.on_way[next] {
                return Err(self.node.corrupt(format!("{} leads back to {}", self.name(position), self.name(next))));
            }
            let is_new = self.targets[next].is_none();
            let target = self.place(next)?;
            self.connect(position, taken, target);
            if is_new {
                self.enter(next, &mut way);
            }
        }
        Ok(root_target)
    }

    /// Puts a branch on the current way, with how many of its two ways on were taken. A leaf is no way anywhere.
    fn enter(&mut self, position: usize, way: &mut Vec<(usize, usize)>) {
        if self.trees.modes[position] != Mode::Leaf {
            self.on_way[position] = true;
            way.push((position, 0));
        }
    }

    /// The node that a branch leads to.
    fn next(&self, position: usize, holds: bool) -> Result<usize, LoadError> {
        let id = if holds { self.trees.on_true[position] } else { self.trees.on_false[position] };
        let next = self.positions.get(&(self.trees.tree_ids[position], id)).copied();
        next.ok_or_else(|| self.node.corrupt(format!("{} leads to node {id}, which is not there", self.name(position))))
    }

    /// Gives a node its place, unless it has one.
    fn place(&mut self, position: usize) -> Result<Target, LoadError> {
        if let Some(target) = self.targets[position] {
            return Ok(target);
        }
        let target = if self.trees.modes[position] == Mode::Leaf {
            self.leaf_count += 1;
            Target::leaf(self.leaf_count - 1)
        } else {
            let branch = self.branch(position)?;
            self.branches.push(branch);
            self.modes.push(self.trees.modes[position]);
            // There are fewer branches than nodes, whose number was checked.
            Target::branch(u32::try_from(self.branches.len() - 1).unwrap_or(0))
        };
        self.targets[position] = Some(target);
        Ok(target)
    }

    fn branch(&mut self, position: usize) -> Result<Branch<T>, LoadError> {
        let column = self.trees.features[position];
        let valid = u32::try_from(column).ok().filter(|&column| column < POSITIONS);
        let column =
            valid.ok_or_else(|| self.node.corrupt(format!("{} looks at column {column}", self.name(position))))?;
        self.width = self.width.max(column as usize + 1);
        let missing_holds = self.trees.missing_true.get(position) == Some(&1);
        Ok(Branch {
            threshold: self.thresholds[position],
            column: Column::new(column, missing_holds),
            targets: [Target::leaf(0); 2],
        })
    }

    fn connect(&mut self, position: usize, holds: usize, next: Target) {
        if let Some(branch) = self.targets[position].and_then(Target::as_branch) {
            self.branches[branch].targets[holds] = next;
        }
    }

    /// The votes in the order of the leaves, those of one leaf in the order of the file. What ONNX Runtime does beyond
    /// the specification holds here too: a vote at a branch is ignored (old exporters wrote such), and with a single
    /// target only a leaf's first vote counts. One thing does not: there, a leaf without votes votes with its
    /// threshold, because both share a field.
    fn votes(&self, classes: usize) -> Result<(Vec<u32>, Vec<Vote<T>>), LoadError> {
        let weights = self.trees.weights::<T>()?;
        let mut of_leaves: Vec<(usize, Vote<T>)> = Vec::with_capacity(weights.len());
        for (index, weight) in weights.into_iter().enumerate() {
            let id = (self.trees.voting_trees[index], self.trees.voting_nodes[index]);
            let position = self.positions.get(&id).copied().ok_or_else(|| {
                self.node.corrupt(format!("a vote of tree {}, node {}, which is not there", id.0, id.1))
            })?;
            let class = self.trees.classes[index];
            let valid = u32::try_from(class).ok().filter(|&class| (class as usize) < classes);
            let class =
                valid.ok_or_else(|| self.node.corrupt(format!("a vote for {class}, expected less than {classes}")))?;
            if let Some(leaf) = self.targets[position].and_then(Target::as_leaf) {
                of_leaves.push((leaf, Vote { class, weight }));
            }
        }
        of_leaves.sort_by_key(|(leaf, _)| *leaf);
        if classes == 1 {
            of_leaves.dedup_by_key(|(leaf, _)| *leaf);
        }
        Ok(self.group(&of_leaves))
    }

    fn group(&self, of_leaves: &[(usize, Vote<T>)]) -> (Vec<u32>, Vec<Vote<T>>) {
        let mut starts = vec![0_u32; self.leaf_count as usize + 1];
        for (leaf, _) in of_leaves {
            starts[leaf + 1] += 1;
        }
        for leaf in 1..starts.len() {
            starts[leaf] += starts[leaf - 1];
        }
        (starts, of_leaves.iter().map(|(_, vote)| *vote).collect())
    }

    fn name(&self, position: usize) -> String {
        format!("node {} of tree {}", self.trees.node_ids[position], self.trees.tree_ids[position])
    }
}
