//! Adding up what the leaves say (`aggregate_function`).

use loadonce_core::LoadError;

use crate::tabular::node::Node;
use crate::tabular::numbers::Real;
use crate::trees::{Ballot, Vote};

/// How votes for one class become its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// The scores of all rows, `[rows, classes]`, and which of them any leaf voted for.
#[derive(Debug)]
pub(super) struct Votes<T> {
    scores: Vec<Score<T>>,
    classes: usize,
    aggregate: Aggregate,
}

/// The score of one class in one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score<T> {
    /// Zero without a vote.
    pub(super) value: T,
    pub(super) voted: bool,
}

impl Aggregate {
    pub(super) fn read(node: &Node<'_>) -> Result<Self, LoadError> {
        match node.text("aggregate_function")?.unwrap_or("SUM") {
            "SUM" => Ok(Self::Sum),
            "AVERAGE" => Ok(Self::Average),
            "MIN" => Ok(Self::Min),
            "MAX" => Ok(Self::Max),
            other => Err(node.corrupt(format!("unknown aggregate_function '{other}'"))),
        }
    }
}

impl<T: Real> Votes<T> {
    pub(super) fn new(rows: usize, classes: usize, aggregate: Aggregate) -> Self {
        let unvoted = Score { value: T::default(), voted: false };
        Self { scores: vec![unvoted; rows * classes], classes, aggregate }
    }

    /// Divides every score by the number of trees.
    pub(super) fn divide(&mut self, trees: usize) {
        let trees = T::from_f64(u32::try_from(trees).map_or(f64::MAX, f64::from));
        for score in &mut self.scores {
            score.value = score.value / trees;
        }
    }

    /// The scores row by row.
    pub(super) fn into_rows(self) -> Vec<Score<T>> {
        self.scores
    }
}

impl<T: Real> Ballot<T> for Votes<T> {
    fn add(&mut self, row: usize, votes: &[Vote<T>]) {
        let scores = &mut self.scores[row * self.classes..(row + 1) * self.classes];
        for vote in votes {
            scores[vote.class as usize].add(vote.weight, self.aggregate);
        }
    }
}

impl<T: Real> Score<T> {
    fn add(&mut self, weight: T, aggregate: Aggregate) {
        let replaces = match aggregate {
            Aggregate::Sum | Aggregate::Average => {
                self.value += weight;
                false
            }
            Aggregate::Min => !self.voted || weight < self.value,
            Aggregate::Max => !self.voted || weight > self.value,
        };
        if replaces {
            self.value = weight;
        }
        self.voted = true;
    }
}
