//! Signatures: what a model takes and gives, and the check of a request against it.

mod check;
mod content;
mod fill;

use std::fmt;
use std::sync::Arc;

use crate::DType;

pub use self::check::{OutputError, RequestError};
pub use self::content::Content;
pub use self::fill::FillValue;

/// Length of one axis of a model's input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this long.
    Fixed(usize),
    /// Any length; axes of the same name are equally long within one request.
    Dynamic(Option<Arc<str>>),
}

/// Name, dtype and axes of one input or output.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// The name, as the model's file has it.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// The axes; `None` where the model's file does not say.
    pub dims: Option<Vec<Dim>>,
    /// Names of the entries of an input's last axis; empty where unknown.
    pub columns: Vec<String>,
    /// Names of an output's classes, in the order of its last axis; empty where unknown.
    pub labels: Vec<String>,
    /// What stands for a value that a row of an input lacks; where there is none, such a row is refused.
    pub missing: Option<FillValue>,
    /// What its elements are, if it is `BYTES`.
    pub content: Content,
}

/// Names, dtypes and shapes of a model's inputs and outputs, in the order in which engines take and return them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// What a request must bring.
    pub inputs: Vec<TensorSpec>,
    /// What an answer holds.
    pub outputs: Vec<TensorSpec>,
}

impl Dim {
    /// A dynamic axis without a name.
    pub const ANY: Self = Self::Dynamic(None);

    /// A dynamic axis with a name.
    pub fn named(name: &str) -> Self {
        Self::Dynamic(Some(name.into()))
    }

    /// Whether an axis of this length fits.
    pub fn accepts(&self, length: usize) -> bool {
        match self {
            Self::Fixed(fixed) => *fixed == length,
            Self::Dynamic(_) => true,
        }
    }
}

impl TensorSpec {
    /// A spec without columns, labels and fill value, whose elements are what the dtype says.
    pub fn new(name: impl Into<String>, dtype: DType, dims: impl Into<Vec<Dim>>) -> Self {
        Self {
            name: name.into(),
            dtype,
            dims: Some(dims.into()),
            columns: Vec::new(),
            labels: Vec::new(),
            missing: None,
            content: Content::Bytes,
        }
    }

    /// Whether the first axis may have any length, so that rows of several requests can share one run.
    pub fn has_free_rows(&self) -> bool {
        matches!(self.dims.as_deref(), Some([Dim::Dynamic(_), ..]))
    }

    fn row_axis_name(&self) -> Option<&str> {
        match self.dims.as_deref() {
            Some([Dim::Dynamic(name), ..]) => name.as_deref(),
            _ => None,
        }
    }
}

impl Signature {
    /// Whether every input and output has a free first axis, and none of them is named otherwise than the others: rows
    /// in, rows out. A detector, whose outputs are as long as what it found, names that axis and is not batchable.
    pub fn is_batchable(&self) -> bool {
        let specs = || self.inputs.iter().chain(&self.outputs);
        let mut names = specs().filter_map(TensorSpec::row_axis_name);
        let first = names.next();
        !self.inputs.is_empty() && specs().all(TensorSpec::has_free_rows) && names.all(|name| Some(name) == first)
    }

    /// The input of that name, with its position.
    pub fn input(&self, name: &str) -> Option<(usize, &TensorSpec)> {
        self.inputs.iter().enumerate().find(|(_, spec)| spec.name == name)
    }

    /// The output of that name, with its position.
    pub fn output(&self, name: &str) -> Option<(usize, &TensorSpec)> {
        self.outputs.iter().enumerate().find(|(_, spec)| spec.name == name)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(formatter, "{length}"),
            Self::Dynamic(Some(name)) => formatter.write_str(name),
            Self::Dynamic(None) => formatter.write_str("?"),
        }
    }
}

impl fmt::Display for TensorSpec {
    /// For people: `FP32 [batch,4]`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dims) = &self.dims else {
            return write!(formatter, "{} [...]", self.dtype);
        };
        let dims: Vec<_> = dims.iter().map(Dim::to_string).collect();
        write!(formatter, "{} [{}]", self.dtype, dims.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_batchable(input: Dim, output: Dim) -> bool {
        let inputs = vec![TensorSpec::new("x", DType::Fp32, [input, Dim::Fixed(4)])];
        let outputs = vec![TensorSpec::new("y", DType::Fp32, [output])];
        Signature { inputs, outputs }.is_batchable()
    }

    #[test]
    fn rows_in_and_rows_out_are_batchable() {
        assert!(is_batchable(Dim::ANY, Dim::ANY));
        assert!(is_batchable(Dim::named("batch"), Dim::named("batch")));
        assert!(is_batchable(Dim::named("batch"), Dim::ANY));
        assert!(!is_batchable(Dim::named("batch"), Dim::named("found")));
        assert!(!is_batchable(Dim::Fixed(1), Dim::ANY));
        assert!(!Signature::default().is_batchable());
    }
}
