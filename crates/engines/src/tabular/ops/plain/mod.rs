//! The operators of `ai.onnx` that compute and move elements of any shape: what stands around the classical models of
//! an export.
//!
//! | mechanism | operators |
//! | --- | --- |
//! | `walk.rs`: over several tensors at once, axis by axis | `unary.rs`, `binary.rs`, `variadic.rs`, `choose.rs` |
//! | `spans.rs`: the elements along some axes as one slice | `reduce.rs`, `arg.rs`, `softmax.rs` |
//! | `cells.rs`: elements of any dtype, moved and not looked at | `views.rs`, `parts.rs`, `gather.rs`, `scatter.rs`, `fill.rs` |
//!
//! A shape that a request or a file asks for is checked before anything is allocated for it (`kernel::room`).

pub(super) mod arg;
pub(super) mod axes;
pub(super) mod binary;
pub(super) mod cdist;
pub(super) mod choose;
pub(super) mod fill;
pub(super) mod gather;
pub(super) mod infer;
pub(super) mod matmul;
pub(super) mod parts;
pub(super) mod reduce;
pub(super) mod scan;
pub(super) mod scatter;
pub(super) mod search;
pub(super) mod softmax;
pub(super) mod unary;
pub(super) mod variadic;
pub(super) mod views;

mod cells;
mod erf;
mod neighbours;
mod number;
mod spans;
mod walk;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
