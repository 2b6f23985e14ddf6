//! Growing a forest: from the trees of a file, which may be anything, to a [`Forest`] that is safe to walk.

use std::fmt::Display;

use loadonce_core::{LoadError, LoadErrorKind};

use super::{Branch, Column, Comparison, Forest, Mode, Number, POSITIONS, Sets, Target, Vote};

/// A tree as a file has it. What it says is not trusted.
pub(crate) trait TreeSource<T> {
    /// How many splits the file has for this tree; a position is less.
    fn split_count(&self) -> usize;

    /// Where the tree begins.
    fn root(&self) -> Child;

    /// The split at a position; a set of categories that it compares with goes into `sets`.
    fn split(&self, position: usize, sets: &mut Sets) -> Result<Split<T>, LoadError>;

    /// Adds the votes of the leaf at a position. An error if there is none.
    fn leaf(&self, position: usize, votes: &mut Vec<Vote<T>>) -> Result<(), LoadError>;
}

/// What a split leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Split(usize),
    Leaf(usize),
}

/// A comparison of a column, and where to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split<T> {
    pub(crate) column: u32,
    pub(crate) mode: Mode,
    /// What the column is compared with, unless with a set.
    pub(crate) threshold: T,
    /// Whether a missing value counts as holding.
    pub(crate) missing_holds: bool,
    /// Where to go if the comparison does not hold, and if it does.
    pub(crate) children: [Child; 2],
}

/// A forest under construction.
#[derive(Debug)]
pub(crate) struct Grower<T> {
    columns: u32,
    classes: usize,
    branches: Vec<Branch<T>>,
    modes: Vec<Mode>,
    sets: Sets,
    roots: Vec<Target>,
    leaf_votes: Vec<u32>,
    votes: Vec<Vote<T>>,
}

impl<T: Number> Grower<T> {
    /// For trees that look at fewer than `columns` columns and vote for `classes` classes.
    pub(crate) fn new(columns: u32, classes: usize) -> Self {
        Self {
            columns,
            classes,
            branches: Vec::new(),
            modes: Vec::new(),
            sets: Sets::default(),
            roots: Vec::new(),
            leaf_votes: vec![0],
            votes: Vec::new(),
        }
    }

    /// Lays out a tree, the two branches that another leads to side by side. Gives the number of its splits. Errors name the tree by its number and the split by its position.
    pub(crate) fn add(&mut self, tree: &impl TreeSource<T>) -> Result<usize, LoadError> {
        let before = self.branches.len();
        let mut is_laid_out = vec![false; tree.split_count()];
        let root = self.place(tree, tree.root(), &mut is_laid_out)?;
        let root_target = root.target;
        let mut open = vec![root];
        while let Some(placed) = open.pop() {
            let (Some(branch), Some(children)) = (placed.target.as_branch(), placed.children) else { continue };
            let next =
                [self.place(tree, children[0], &mut is_laid_out)?, self.place(tree, children[1], &mut is_laid_out)?];
            self.branches[branch].targets = [next[0].target, next[1].target];
            open.extend(next);
        }
        self.roots.push(root_target);
        Ok(self.branches.len() - before)
    }

    /// The forest of all trees that were added.
    pub(crate) fn finish(self) -> Forest<T> {
        let Self { columns, classes, mut branches, mut modes, sets, roots, leaf_votes, votes } = self;
        let comparison = Comparison::of(&branches, &modes);
        branches.shrink_to_fit();
        if comparison != Comparison::Mixed {
            modes = Vec::new();
        }
        Forest { branches, modes, sets, roots, leaf_votes, votes, comparison, width: columns as usize, classes }
    }

    fn place(
        &mut self,
        tree: &impl TreeSource<T>,
        child: Child,
        is_laid_out: &mut [bool],
    ) -> Result<Placed, LoadError> {
        match child {
            Child::Leaf(position) => self.place_leaf(tree, position).map(|target| Placed { target, children: None }),
            Child::Split(position) => {
                let is_known = is_laid_out.get_mut(position);
                let is_known = is_known.ok_or_else(|| self.corrupt(format!("no split {position}")))?;
                if std::mem::replace(is_known, true) {
                    return Err(self.corrupt(format!("split {position} is reached twice")));
                }
                self.place_branch(tree, position)
            }
        }
    }

    fn place_branch(&mut self, tree: &impl TreeSource<T>, position: usize) -> Result<Placed, LoadError> {
        let split = tree.split(position, &mut self.sets)?;
        if split.column >= self.columns {
            let (column, columns) = (split.column, self.columns);
            return Err(self.corrupt(format!("split {position} looks at column {column} of {columns}")));
        }
        let target = Target::branch(next_position(self.branches.len())?);
        self.modes.push(split.mode);
        self.branches.push(Branch {
            threshold: split.threshold,
            column: Column::new(split.column, split.missing_holds),
            targets: [Target::leaf(0); 2],
        });
        Ok(Placed { target, children: Some(split.children) })
    }

    fn place_leaf(&mut self, tree: &impl TreeSource<T>, position: usize) -> Result<Target, LoadError> {
        let before = self.votes.len();
        tree.leaf(position, &mut self.votes)?;
        let stranger = self.votes[before..].iter().find(|vote| vote.class as usize >= self.classes);
        if let Some(Vote { class, .. }) = stranger {
            return Err(self.corrupt(format!("leaf {position} votes for {class} of {}", self.classes)));
        }
        let target = Target::leaf(next_position(self.leaf_votes.len() - 1)?);
        let end = next_position(self.votes.len())?;
        self.leaf_votes.push(end);
        Ok(target)
    }

    fn corrupt(&self, detail: impl Display) -> LoadError {
        LoadError::new(LoadErrorKind::Corrupt, format!("tree {}: {detail}", self.roots.len()))
    }
}

fn next_position(length: usize) -> Result<u32, LoadError> {
    let position = u32::try_from(length).ok().filter(|&position| position < POSITIONS);
    position.ok_or_else(|| LoadError::new(LoadErrorKind::Unsupported, format!("more than {POSITIONS} tree nodes")))
}

/// A branch or a leaf of the forest, and where the branch is to lead.
struct Placed {
    target: Target,
    children: Option<[Child; 2]>,
}
