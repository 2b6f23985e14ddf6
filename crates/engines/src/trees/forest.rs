//! Trees in flat arrays, and the walk through them.
//!
//! Branches of all trees stand in one array and point to each other by position; leaves are positions in an array of
//! their own, told apart by a bit. Whoever builds a forest proves that every pointer leads to a branch or a leaf and
//! that no way comes back to where it was, so a walk stays within the arrays and ends.

use super::Number;

/// All trees of one model.
#[derive(Debug)]
pub(crate) struct Forest<T> {
    pub(crate) branches: Vec<Branch<T>>,
    /// What each branch does, for a forest whose branches differ.
    pub(crate) modes: Vec<Mode>,
    /// Where each tree begins.
    pub(crate) roots: Vec<Target>,
    /// Where the votes of each leaf begin; one more entry than leaves.
    pub(crate) leaf_votes: Vec<u32>,
    pub(crate) votes: Vec<Vote<T>>,
    pub(crate) comparison: Comparison,
    /// Columns that the trees look at, from the first to the last.
    pub(crate) width: usize,
    pub(crate) classes: usize,
}

/// Compares a column with a threshold and goes on. Small, because a walk is mostly waiting for the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch<T> {
    pub(crate) threshold: T,
    pub(crate) column: Column,
    /// Where to go if the comparison does not hold, and if it does.
    pub(crate) targets: [Target; 2],
}

/// A column, and whether a missing value in it counts as holding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column(u32);

/// A leaf's weight for one class or target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vote<T> {
    pub(crate) class: u32,
    pub(crate) weight: T,
}

/// Where the votes of the leaves go.
pub(crate) trait Ballot<T> {
    /// Adds a leaf's votes to a row's scores. A row hears its trees in their order.
    fn add(&mut self, row: usize, votes: &[Vote<T>]);
}

/// What a branch does: compare a feature with its threshold; or none, for the end of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    Leaf,
}

/// A branch or a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target(u32);

/// How the branches compare. Most forests do it alike everywhere, and then the walk need not ask at each branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `<=` everywhere, which a missing value fails.
    LessOrEqual,
    /// `<=` everywhere, which a missing value may pass.
    LessOrEqualOrMissing,
    /// `<` everywhere, which a missing value may pass.
    LessOrMissing,
    /// Anything else.
    Mixed,
}

/// Bit of a [`Target`] that is a leaf and of a [`Column`] whose missing values hold.
const MARK: u32 = 1 << 31;

/// Positions that fit beside the mark.
pub(crate) const POSITIONS: u32 = MARK;

impl Target {
    pub(crate) fn branch(position: u32) -> Self {
        Self(position)
    }

    pub(crate) fn leaf(position: u32) -> Self {
        Self(position | MARK)
    }

    /// The position among the branches, if this is one.
    pub(crate) fn as_branch(self) -> Option<usize> {
        (self.0 & MARK == 0).then_some(self.0 as usize)
    }

    /// The position among the leaves, if this is one.
    pub(crate) fn as_leaf(self) -> Option<usize> {
        (self.0 & MARK != 0).then_some((self.0 & !MARK) as usize)
    }
}

impl Column {
    pub(crate) fn new(position: u32, missing_holds: bool) -> Self {
        Self(if missing_holds { position | MARK } else { position })
    }

    fn position(self) -> usize {
        (self.0 & !MARK) as usize
    }

    pub(crate) fn missing_holds(self) -> bool {
        self.0 & MARK != 0
    }
}

/// Rows that go through some trees before the next trees come: few enough to stay in the cache with their scores.
const ROWS_AT_ONCE: usize = 64;

/// Trees that a row goes through side by side, so that one walk's waiting for memory is another's work.
const TREES_AT_ONCE: usize = 4;

impl<T: Number> Forest<T> {
    /// Columns that a row must have at least; one or more.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn classes(&self) -> usize {
        self.classes
    }

    pub(crate) fn tree_count(&self) -> usize {
        self.roots.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.branches)
            + size_of_val(&*self.modes)
            + size_of_val(&*self.roots)
            + size_of_val(&*self.leaf_votes)
            + size_of_val(&*self.votes)
    }

    /// Adds every tree's votes for every row. `values` has rows of `width` columns, which are at least
    /// [`Self::width`].
    pub(crate) fn vote(&self, values: &[T], width: usize, votes: &mut impl Ballot<T>) {
        let missing = |value: T, branch: &Branch<T>| branch.column.missing_holds() & value.is_missing();
        match self.comparison {
            Comparison::LessOrEqual => {
                self.vote_by(values, width, votes, |value, branch, _| value <= branch.threshold);
            }
            Comparison::LessOrEqualOrMissing => self
                .vote_by(values, width, votes, |value, branch, _| (value <= branch.threshold) | missing(value, branch)),
            Comparison::LessOrMissing => self
                .vote_by(values, width, votes, |value, branch, _| (value < branch.threshold) | missing(value, branch)),
            Comparison::Mixed => self.vote_by(values, width, votes, |value, branch, position| {
                self.modes[position].holds(value, branch.threshold) | missing(value, branch)
            }),
        }
    }

    fn vote_by(
        &self,
        values: &[T],
        width: usize,
        votes: &mut impl Ballot<T>,
        holds: impl Fn(T, &Branch<T>, usize) -> bool,
    ) {
        // Without rows the width may be any number, and no length may be computed from it.
        if values.is_empty() {
            return;
        }
        let (groups, rest) = self.roots.as_chunks::<TREES_AT_ONCE>();
        for (block, values) in values.chunks(ROWS_AT_ONCE * width).enumerate() {
            let rows = || values.chunks_exact(width).zip(block * ROWS_AT_ONCE..);
            for &roots in groups {
                for (row, index) in rows() {
                    self.walk(roots, row, &holds).iter().for_each(|&leaf| votes.add(index, self.votes_of(leaf)));
                }
            }
            for &root in rest {
                for (row, index) in rows() {
                    self.walk([root], row, &holds).iter().for_each(|&leaf| votes.add(index, self.votes_of(leaf)));
                }
            }
        }
    }

    /// The leaves to which a row comes in some trees.
    fn walk<const TREES: usize>(
        &self,
        mut targets: [Target; TREES],
        row: &[T],
        holds: impl Fn(T, &Branch<T>, usize) -> bool,
    ) -> [usize; TREES] {
        loop {
            let mut is_done = true;
            for target in &mut targets {
                if let Some(position) = target.as_branch() {
                    let branch = &self.branches[position];
                    let value = row[branch.column.position()];
                    *target = branch.targets[usize::from(holds(value, branch, position))];
                    is_done = false;
                }
            }
            if is_done {
                return targets.map(|target| target.as_leaf().unwrap_or(0));
            }
        }
    }

    fn votes_of(&self, leaf: usize) -> &[Vote<T>] {
        &self.votes[self.leaf_votes[leaf] as usize..self.leaf_votes[leaf + 1] as usize]
    }
}

impl Mode {
    fn holds<T: Number>(self, value: T, threshold: T) -> bool {
        match self {
            Self::LessOrEqual => value <= threshold,
            Self::Less => value < threshold,
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Equal => value == threshold,
            // No branch is a leaf.
            Self::NotEqual | Self::Leaf => value != threshold,
        }
    }
}
