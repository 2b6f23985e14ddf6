//! The booster `gblinear`: a weight for each column and output, and a bias for each output.

use loadonce_core::LoadError;

use super::value::Place;
use crate::boosted::Scores;
use crate::trees::{Ballot, Vote};

#[derive(Debug)]
pub(super) struct Linear {
    /// Column by column, one entry an output; the biases come last.
    weights: Vec<f32>,
    outputs: usize,
}

impl Linear {
    pub(super) fn read(model: &Place<'_>, columns: usize, outputs: usize) -> Result<Self, LoadError> {
        let place = model.get("weights")?;
        let weights = place.singles()?;
        let expected = (columns + 1).checked_mul(outputs);
        if expected == Some(weights.len()) {
            return Ok(Self { weights, outputs });
        }
        Err(place.corrupt(format!("{} weights for {columns} columns and {outputs} outputs", weights.len())))
    }

    /// Adds the scores of rows of so many columns in XGBoost's order: bias first, then the columns. A missing value adds
    /// nothing.
    pub(super) fn add(&self, input: &[f32], columns: usize, scores: &mut Scores<f32>) {
        let (weights, biases) = self.weights.split_at(columns * self.outputs);
        for (index, row) in input.chunks_exact(columns).enumerate() {
            let mut add = |weights: &[f32], value: f32| {
                for (class, &weight) in (0..).zip(weights) {
                    scores.add(index, &[Vote { class, weight: weight * value }]);
                }
            };
            add(biases, 1.0);
            for (&value, weights) in row.iter().zip(weights.chunks_exact(self.outputs)) {
                if !value.is_nan() {
                    add(weights, value);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }
}
