//! What the boosters of every library share: the model, its sessions, and the form of the answers.
//!
//! No engine: who reads a library's files makes a [`Booster`] of them. A booster has one input, `input` `[N,columns]`, and
//! answers as its [`Form`] says.

mod answer;
mod model;
mod scores;

pub(crate) use self::answer::Form;
pub(crate) use self::model::{Booster, into_model, load};
pub(crate) use self::scores::{Real, Scores};
