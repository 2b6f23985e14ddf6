//! Decision trees: the flat arrays and the walk that every engine with trees shares.
//!
//! No engine, and no format: who reads trees builds a [`Forest`], proves it safe to walk, and says with a [`Ballot`] what
//! becomes of the votes.

mod forest;
mod number;

pub(crate) use self::forest::{Ballot, Branch, Column, Comparison, Forest, Mode, POSITIONS, Target, Vote};
pub(crate) use self::number::Number;
