//! What an operator becomes: a kernel that runs, and what is known of its outputs before any run.

use std::fmt;

use loadonce_core::tensor::MAX_RANK;
use loadonce_core::{DType, Dim, Element, LoadError, RunError, Shape, Tensor};

use super::node::Node;

/// A prepared operator. It was checked against its node's inputs when it was prepared, so a run fails only for what a
/// request decides: lengths of free axes, and elements.
pub(super) trait Kernel: fmt::Debug + Send + Sync {
    /// Computes the node's outputs, in their order, from its inputs.
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError>;

    /// Bytes of the weights that it holds.
    fn weight_bytes(&self) -> usize {
        0
    }

    /// Whether it may run at load, where all its inputs are constants.
    fn folds(&self) -> bool {
        true
    }
}

/// A kernel and what it gives.
pub(super) struct Prepared {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) outputs: Vec<Value>,
}

/// What is known of a value before a run.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// The element type: always known.
    pub(super) dtype: DType,
    /// The axes; `None` where even their number depends on the request.
    pub(super) dims: Option<Vec<Dim>>,
    /// Names of the entries of the last axis, where it stands for classes.
    pub(super) labels: Vec<String>,
    /// The value itself, if it is a constant of the graph.
    pub(super) constant: Option<Tensor>,
    /// Where the rows of a request are in it; `None` from an operator that takes each row for itself, which the plan
    /// then settles.
    pub(super) rows: Option<Rows>,
    /// The axes of which this value is the lengths, where it is that.
    pub(super) lengths_of: Option<Box<Value>>,
    /// Whether this stands for an optional input that the node leaves out.
    pub(super) missing: bool,
}

/// Where the rows of a request are in a value. Requests may share a run only if their rows stay apart to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Nowhere: the value is the same for all requests.
    Absent,
    /// Along this axis, and each entry depends on its own row only.
    Along(usize),
    /// The same with so many entries of this axis for each row, one behind the other.
    Runs { axis: usize, each: usize },
    /// An entry may depend on several rows, or on their number.
    Mixed,
}

impl Value {
    pub(super) fn new(dtype: DType, dims: Option<Vec<Dim>>) -> Self {
        Self { dtype, dims, labels: Vec::new(), constant: None, rows: None, lengths_of: None, missing: false }
    }

    pub(super) fn constant(tensor: Tensor) -> Self {
        let dims = tensor.shape().iter().map(|&length| Dim::Fixed(length)).collect();
        let value = Self::new(tensor.dtype(), Some(dims)).with_rows(Rows::Absent);
        Self { constant: Some(tensor), ..value }
    }

    /// What stands for an optional input that a node leaves out.
    pub(super) fn missing() -> Self {
        Self { missing: true, ..Self::new(DType::Bool, None).with_rows(Rows::Absent) }
    }

    #[must_use]
    pub(super) fn with_rows(mut self, rows: Rows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Where the rows are, of a value that a node takes.
    pub(super) fn rows(&self) -> Rows {
        self.rows.unwrap_or(Rows::Mixed)
    }

    /// The number of axes, where it is known.
    pub(super) fn rank(&self) -> Option<usize> {
        self.dims.as_ref().map(Vec::len)
    }

    #[must_use]
    pub(super) fn with_labels(mut self, labels: Vec<String>) -> Self {
        self.labels = labels;
        self
    }

    /// The number of axes of which this value is the lengths, where it is known and one that a tensor can have.
    pub(super) fn length_of_shape(&self) -> Option<usize> {
        match self.dims.as_deref() {
            Some([Dim::Fixed(rank)]) if *rank <= MAX_RANK => Some(*rank),
            _ => None,
        }
    }

    /// How the value reads as a table.
    pub(super) fn table(&self, node: &Node<'_>) -> Result<Table, LoadError> {
        match self.dims.as_deref() {
            None => Ok(Table { rows: Dim::ANY, width: None }),
            Some([Dim::Fixed(width)]) => Ok(Table { rows: Dim::Fixed(1), width: Some(*width) }),
            Some([Dim::Dynamic(_)]) => Ok(Table { rows: Dim::Fixed(1), width: None }),
            Some([rows, Dim::Fixed(width)]) => Ok(Table { rows: rows.clone(), width: Some(*width) }),
            Some([rows, Dim::Dynamic(_)]) => Ok(Table { rows: rows.clone(), width: None }),
            Some(dims) => Err(node.unsupported(format!("expected an input of one or two axes, got {}", dims.len()))),
        }
    }

    /// Refuses dtypes that the operator does not take.
    pub(super) fn expect(&self, allowed: &[DType], node: &Node<'_>) -> Result<(), LoadError> {
        if allowed.contains(&self.dtype) {
            return Ok(());
        }
        let allowed: Vec<_> = allowed.iter().map(|dtype| dtype.as_str()).collect();
        Err(node.unsupported(format!("got an input of {}, expected one of {}", self.dtype, allowed.join(", "))))
    }
}

/// The dtypes that most operators of ai.onnx.ml take.
pub(super) const NUMBERS: [DType; 4] = [DType::Fp32, DType::Fp64, DType::Int64, DType::Int32];

/// A value as rows of columns, before a run. A value of one axis is a single row.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) rows: Dim,
    /// `None` where the request decides.
    pub(super) width: Option<usize>,
}

impl Table {
    /// Refuses a model whose operator takes another number of columns than it gets.
    pub(super) fn expect_width(&self, expected: usize, node: &Node<'_>) -> Result<(), LoadError> {
        match self.width {
            Some(width) if width != expected => {
                Err(node.corrupt(format!("the input has {width} columns, the attributes are for {expected}")))
            }
            _ => Ok(()),
        }
    }
}

/// A tensor as rows of columns, in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) rows: usize,
    pub(super) width: usize,
}

impl Extent {
    pub(super) fn of(tensor: &Tensor) -> Result<Self, RunError> {
        match **tensor.shape() {
            [width] => Ok(Self { rows: 1, width }),
            [rows, width] => Ok(Self { rows, width }),
            _ => Err(invalid(format!("expected an input of one or two axes, got shape {}", tensor.shape()))),
        }
    }

    /// Refuses a request with another number of columns.
    pub(super) fn expect_width(self, expected: usize) -> Result<Self, RunError> {
        if self.width == expected {
            return Ok(self);
        }
        Err(invalid(format!("expected {expected} columns, got {}", self.width)))
    }
}

/// The inputs of one node in a run.
pub(super) struct Inputs<'a> {
    slots: &'a [Option<Tensor>],
    positions: &'a [Option<usize>],
}

impl<'a> Inputs<'a> {
    pub(super) fn new(slots: &'a [Option<Tensor>], positions: &'a [Option<usize>]) -> Self {
        Self { slots, positions }
    }

    /// The input at that position of the node.
    pub(super) fn get(&self, index: usize) -> Result<&'a Tensor, RunError> {
        self.optional(index).ok_or_else(|| RunError::Failed(format!("input {index} was never computed")))
    }

    /// The input at that position, if the node has it.
    pub(super) fn optional(&self, index: usize) -> Option<&'a Tensor> {
        self.slots.get((*self.positions.get(index)?)?)?.as_ref()
    }

    /// How many inputs the node has, those left out included.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// All inputs, in the node's order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<&'a Tensor, RunError>> {
        (0..self.positions.len()).map(|index| self.get(index))
    }
}

/// The caller's fault.
pub(super) fn invalid(detail: impl Into<String>) -> RunError {
    RunError::InvalidInput(detail.into())
}

/// A tensor over freshly computed elements.
pub(super) fn tensor<T: Element>(shape: Shape, elements: Vec<T>) -> Result<Tensor, RunError> {
    Tensor::from_vec(shape, elements).map_err(|error| RunError::Failed(error.to_string()))
}

/// Bytes that one value of a run may take: a shape that a request or a file asks for is refused beyond that. Less under
/// the fuzzer, which finds what does not ask.
pub(super) const MAX_VALUE_BYTES: usize = if cfg!(fuzzing) { 16 << 20 } else { 1 << 30 };

/// The number of elements of a shape, if a tensor of it is small enough to be made.
pub(super) fn room(shape: &Shape, dtype: DType) -> Result<usize, RunError> {
    let size = dtype.size().unwrap_or(size_of::<bytes::Bytes>());
    let count = shape.element_count().filter(|count| count.saturating_mul(size) <= MAX_VALUE_BYTES);
    count.filter(|_| shape.len() <= MAX_RANK).ok_or_else(|| {
        invalid(format!("a tensor of {dtype} {shape} is too large, at most {MAX_VALUE_BYTES} bytes are allowed"))
    })
}
