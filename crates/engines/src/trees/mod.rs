//! Decision trees: the flat arrays and the walk that every engine with trees shares.
//!
//! No engine, and no format: who reads trees builds a [`Forest`], proves it safe to walk, and says with a [`Ballot`] what
//! becomes of the votes.

mod forest;
#[cfg(any(feature = "xgboost", feature = "lightgbm"))]
mod grow;
mod number;
mod sets;

pub(crate) use self::forest::{Ballot, Branch, Column, Comparison, Forest, Mode, POSITIONS, Target, Vote};
#[cfg(any(feature = "xgboost", feature = "lightgbm"))]
pub(crate) use self::grow::{Child, Grower, Split, TreeSource};
pub(crate) use self::number::Number;
#[cfg(feature = "lightgbm")]
pub(crate) use self::number::ZERO_THRESHOLD;
pub(crate) use self::sets::Sets;

#[cfg(any(feature = "xgboost", feature = "lightgbm"))]
#[cfg(test)]
mod tests;
