//! Trees in flat arrays, and the walk through them.
//!
//! Branches of all trees stand in one array and point to each other by position; leaves are positions in an array of
//! their own, told apart by a bit. Whoever builds a forest proves that every pointer leads to a branch or a leaf and
//! that no way comes back to where it was, so a walk stays within the arrays and ends.

use super::{Number, Sets};

/// All trees of one model.
#[derive(Debug)]
pub(crate) struct Forest<T> {
    pub(crate) branches: Vec<Branch<T>>,
    /// What each branch does, for a forest whose branches differ.
    pub(crate) modes: Vec<Mode>,
    /// What the branches compare with that compare with sets.
    pub(crate) sets: Sets,
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

/// What a branch does: compare a column with its threshold or with a set of categories; or none, for the end of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    LessOrEqual,
    /// [`Self::LessOrEqual`], but what is nearly zero counts as missing (LightGBM's missing type `Zero`).
    LessOrEqualOrZeroMissing,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    /// Whether the integer part is in the set of that number; what has none is not (LightGBM).
    AnyOf(u32),
    /// Whether the number is negative, or its integer part is not in the set of that number (XGBoost).
    NoneOf(u32),
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

    fn missing_holds(self) -> bool {
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
            + self.sets.bytes()
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
                self.modes[position].holds(value, branch, &self.sets) | missing(value, branch)
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
    fn holds<T: Number>(self, value: T, branch: &Branch<T>, sets: &Sets) -> bool {
        let threshold = branch.threshold;
        match self {
            Self::LessOrEqualOrZeroMissing if value.is_nearly_zero() => branch.column.missing_holds(),
            Self::LessOrEqual | Self::LessOrEqualOrZeroMissing => value <= threshold,
            Self::Less => value < threshold,
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Equal => value == threshold,
            Self::AnyOf(set) => value.to_category().is_some_and(|category| sets.contains(set, category)),
            Self::NoneOf(_) if value < T::default() => true,
            Self::NoneOf(set) => value.to_category().is_some_and(|category| !sets.contains(set, category)),
            // No branch is a leaf.
            Self::NotEqual | Self::Leaf => value != threshold,
        }
    }
}

impl Comparison {
    /// What those branches, which do that, have in common.
    pub(crate) fn of<T: Number>(branches: &[Branch<T>], modes: &[Mode]) -> Self {
        let all = |expected: Mode| modes.iter().all(|&mode| mode == expected);
        let missing_holds = branches.iter().any(|branch| branch.column.missing_holds());
        if all(Mode::LessOrEqual) && !missing_holds {
            Self::LessOrEqual
        } else if all(Mode::LessOrEqual) {
            Self::LessOrEqualOrMissing
        } else if all(Mode::Less) {
            Self::LessOrMissing
        } else {
            Self::Mixed
        }
    }
}
