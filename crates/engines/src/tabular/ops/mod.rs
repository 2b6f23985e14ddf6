//! The operators: one file a family, one row in the table of their domain each.
//!
//! To add one, write its `prepare` (attributes and inputs in, kernel and outputs out) and a row in `ml_table.rs` or
//! `onnx_table.rs`.

mod binarizer;
mod cast;
mod columns;
mod dict_vectorizer;
mod imputer;
mod label_encoder;
mod linear;
mod mapping;
mod ml_table;
mod normalizer;
mod one_hot;
mod onnx_table;
mod passing;
mod plain;
mod post_transform;
mod scaler;
mod shaping;
mod svm;
mod tree;

use loadonce_core::LoadError;

use super::kernel::{Prepared, Value};
use super::node::Node;

/// An operator that the engine has.
#[derive(Debug)]
pub(super) struct Operator {
    /// `ai.onnx` or `ai.onnx.ml`.
    pub(super) domain: &'static str,
    pub(super) name: &'static str,
    /// The first version of the domain's operator set whose form of the operator is here.
    pub(super) since: i64,
    /// The last such version; `None` while no later set has changed it.
    pub(super) until: Option<i64>,
    /// How many inputs a node must have at least and may have at most.
    pub(super) inputs: (usize, usize),
    /// Every attribute of the operator; others are refused.
    pub(super) attributes: &'static [&'static str],
    pub(super) prepare: fn(&Node<'_>, &[Value]) -> Result<Prepared, LoadError>,
}

const ML: &str = "ai.onnx.ml";
const ONNX: &str = "ai.onnx";

/// More inputs than a variadic operator has in any model.
pub(super) const MANY: usize = 1 << 16;

/// Every operator.
fn operators() -> impl Iterator<Item = &'static Operator> {
    onnx_table::OPERATORS.iter().chain(ml_table::OPERATORS)
}

impl Operator {
    /// The operator of that name, in the version that an operator set of that version holds; otherwise why not.
    pub(super) fn find(domain: &str, name: &str, version: Option<i64>) -> Result<&'static Self, String> {
        let operator = operators().find(|operator| (operator.domain, operator.name) == (domain, name));
        let operator = operator.ok_or_else(|| "the engine does not have it".to_owned())?;
        let version = version.ok_or_else(|| format!("the file does not import an operator set of {domain}"))?;
        let until = operator.until.unwrap_or(i64::MAX);
        if (operator.since..=until).contains(&version) {
            return Ok(operator);
        }
        Err(match operator.until {
            Some(until) => format!("the engine has operator sets {} to {until} of it", operator.since),
            None => format!("the engine has it from operator set {} on", operator.since),
        })
    }
}
