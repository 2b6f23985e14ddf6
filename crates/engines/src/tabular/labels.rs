//! Class labels: whole numbers or strings, as a classifier's attributes name them.

use bytes::Bytes;
use loadonce_core::{DType, LoadError, RunError, Shape, Tensor};

use super::node::Node;

/// The classes of a model, in the order of its scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Labels {
    Ints(Vec<i64>),
    Strings(Vec<Bytes>),
}

impl Labels {
    /// Reads the labels; strings win if a node has both, as in ONNX Runtime (the specification allows only one).
    pub(super) fn read(node: &Node<'_>, ints: &str, strings: &str) -> Result<Self, LoadError> {
        let strings = node.strings(strings)?;
        if strings.is_empty() {
            return Ok(Self::Ints(node.ints(ints)?.to_vec()));
        }
        // Copies: a slice would keep the whole file in memory.
        Ok(Self::Strings(strings.iter().map(|text| Bytes::copy_from_slice(text)).collect()))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Strings(labels) => labels.len(),
        }
    }

    /// The dtype of a tensor of labels.
    pub(super) fn dtype(&self) -> DType {
        match self {
            Self::Ints(_) => DType::Int64,
            Self::Strings(_) => DType::Bytes,
        }
    }

    /// The labels as text, for a signature.
    pub(super) fn texts(&self) -> Vec<String> {
        match self {
            Self::Ints(labels) => labels.iter().map(i64::to_string).collect(),
            Self::Strings(labels) => labels.iter().map(|label| String::from_utf8_lossy(label).into_owned()).collect(),
        }
    }

    /// The label of each row as a tensor of shape `[rows]`; each class is below [`Self::len`].
    pub(super) fn tensor(&self, classes: &[usize]) -> Result<Tensor, RunError> {
        let shape = Shape::new([classes.len()]);
        let tensor = match self {
            Self::Ints(labels) => Tensor::from_vec(shape, classes.iter().map(|&class| labels[class]).collect()),
            Self::Strings(labels) => {
                let rows: Vec<_> = classes.iter().map(|&class| labels[class].clone()).collect();
                Tensor::from_strings(shape, rows)
            }
        };
        tensor.map_err(|error| RunError::Failed(error.to_string()))
    }
}
