//! Probabilities of classes from the scores of pairs of classes, as LIBSVM estimates them.
//!
//! Each pair's score becomes the probability of its first class by a fitted logistic function (Platt, "Probabilistic
//! Outputs for Support Vector Machines", 1999). The pairs are coupled by the second method of Wu, Lin and Weng,
//! "Probability Estimates for Multi-class Classification by Pairwise Coupling" (2004), algorithm 2. Order and precision
//! of the sums are ONNX Runtime's, and so are its stopping rule and its limit of rounds.

use crate::tabular::ops::post_transform::logistic;

/// The fitted logistic function of one pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sigmoid {
    pub(super) a: f32,
    pub(super) b: f32,
}

/// No pair is surer than this.
const SUREST: f32 = 1.0 - LEAST_SURE;
const LEAST_SURE: f32 = 1e-7;

const MAX_ROUNDS: usize = 100;

/// The probabilities of `classes` classes from the scores of their pairs, `(0,1), (0,2), .., (1,2), ..`.
pub(super) fn probabilities(scores: &[f32], sigmoids: &[Sigmoid], classes: usize) -> Vec<f32> {
    let mut wins = Square::zeros(classes);
    let mut pairs = scores.iter().zip(sigmoids);
    for first in 0..classes {
        for second in first + 1..classes {
            let Some((score, sigmoid)) = pairs.next() else { continue };
            let probability = (1.0 - logistic(score * sigmoid.a + sigmoid.b)).clamp(LEAST_SURE, SUREST);
            wins.set(first, second, probability);
            wins.set(second, first, 1.0 - probability);
        }
    }
    coupled(&quadratic_form(&wins))
}

/// A square matrix by rows.
#[derive(Debug)]
struct Square {
    elements: Vec<f32>,
    size: usize,
}

impl Square {
    fn zeros(size: usize) -> Self {
        Self { elements: vec![0.0; size * size], size }
    }

    fn get(&self, row: usize, column: usize) -> f32 {
        self.elements[row * self.size + column]
    }

    fn set(&mut self, row: usize, column: usize, value: f32) {
        self.elements[row * self.size + column] = value;
    }
}

/// The matrix `Q` whose quadratic form the probabilities minimise (equation 20 of the paper); `wins` has the probability
/// that the row's class beats the column's.
fn quadratic_form(wins: &Square) -> Square {
    let mut form = Square::zeros(wins.size);
    for row in 0..wins.size {
        let mut diagonal = 0.0;
        for column in (0..wins.size).filter(|&column| column != row) {
            diagonal += wins.get(column, row) * wins.get(column, row);
            let above =
                if column > row { -wins.get(column, row) * wins.get(row, column) } else { form.get(column, row) };
            form.set(row, column, above);
        }
        form.set(row, row, diagonal);
    }
    form
}

/// Goes through the classes in turn, setting each to its optimum, until none is far from it.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^16 classes")]
fn coupled(form: &Square) -> Vec<f32> {
    let classes = form.size;
    let tolerance = 0.005 / classes as f32;
    let mut shares = vec![1.0 / classes as f32; classes];
    for _ in 0..MAX_ROUNDS {
        let mut slopes: Vec<f32> = (0..classes).map(|class| slope(form, &shares, class)).collect();
        let mut value = 0.0;
        for (share, slope) in shares.iter().zip(&slopes) {
            value += share * slope;
        }
        // What is no number is no error: so does the reference end for rows with missing values.
        if !slopes.iter().any(|slope| (slope - value).abs() >= tolerance) {
            break;
        }
        for class in 0..classes {
            let pivot = form.get(class, class);
            let step = (value - slopes[class]) / pivot;
            shares[class] += step;
            value = (value + step * (step * pivot + 2.0 * slopes[class])) / (1.0 + step) / (1.0 + step);
            for (other, (slope, share)) in slopes.iter_mut().zip(&mut shares).enumerate() {
                *slope = (*slope + step * form.get(class, other)) / (1.0 + step);
                *share /= 1.0 + step;
            }
        }
    }
    shares
}

fn slope(form: &Square, shares: &[f32], class: usize) -> f32 {
    let mut slope = 0.0;
    for (other, share) in shares.iter().enumerate() {
        slope += form.get(class, other) * share;
    }
    slope
}
