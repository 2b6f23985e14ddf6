//! Scores under way: the sums of the votes.

use std::ops::Sub;

use crate::trees::{Ballot, Number, Vote};

/// The precision in which a library answers.
pub(crate) trait Real: Number + Sub<Output = Self> {
    const ONE: Self;
    const HALF: Self;
}

impl Real for f32 {
    const ONE: Self = 1.0;
    const HALF: Self = 0.5;
}

impl Real for f64 {
    const ONE: Self = 1.0;
    const HALF: Self = 0.5;
}

/// The sums for every row and output, row by row.
#[derive(Debug)]
pub(crate) struct Scores<T> {
    sums: Vec<T>,
    outputs: usize,
}

impl<T: Number> Scores<T> {
    /// Sums that begin with one row of `base` for each row.
    pub(crate) fn new(rows: usize, base: &[T]) -> Self {
        Self { sums: base.repeat(rows), outputs: base.len() }
    }

    pub(crate) fn into_sums(self) -> Vec<T> {
        self.sums
    }
}

impl<T: Number> Ballot<T> for Scores<T> {
    fn add(&mut self, row: usize, votes: &[Vote<T>]) {
        let sums = &mut self.sums[row * self.outputs..(row + 1) * self.outputs];
        for vote in votes {
            sums[vote.class as usize] += vote.weight;
        }
    }
}
