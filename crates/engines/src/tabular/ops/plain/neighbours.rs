//! The `Scan` that converters write for distances to the rows of a training set, computed at once instead of entry by
//! entry: a state that stays, less each entry, squared and summed along the columns.
//!
//! ```text
//! kept = Identity(state); square = ReduceSumSquare(Sub(state, entry), axes = [1], keepdims = 0)
//! ```

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::number::Number;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, ValueInfoProto};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// The first input, `[n, width]`, as it is, and its squared distances to the rows of the second, `[m, width]`, as
/// `[m, n]`; both of `T`.
#[derive(Debug)]
struct SquaredDistances<T>(std::marker::PhantomData<fn() -> T>);

/// The kernel for a `Scan` of that form; `None` for any other.
pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Option<Prepared>, LoadError> {
    let [state, entries] = inputs else { return Ok(None) };
    let width = |value: &Value| match value.dims.as_deref() {
        Some([_, Dim::Fixed(width)]) => Some(*width),
        _ => None,
    };
    let plain = state.dtype == entries.dtype && width(state).is_some_and(|width| width > 0);
    let plain = plain && width(state) == width(entries);
    if !plain || !is_along_rows(node)? || !is_distance(node.graph("body")?) {
        return Ok(None);
    }
    let kernel: Box<dyn Kernel> = match state.dtype {
        DType::Fp32 => Box::new(SquaredDistances::<f32>(std::marker::PhantomData)),
        DType::Fp64 => Box::new(SquaredDistances::<f64>(std::marker::PhantomData)),
        _ => return Ok(None),
    };
    let length = |value: &Value| value.dims.as_ref().and_then(|dims| dims.first().cloned()).unwrap_or(Dim::ANY);
    let rows = match (state.rows(), entries.rows()) {
        (Rows::Absent, Rows::Absent) => Rows::Absent,
        (Rows::Along(0), Rows::Absent) => Rows::Along(1),
        (Rows::Absent, Rows::Along(0)) => Rows::Along(0),
        _ => Rows::Mixed,
    };
    let distances = Value::new(state.dtype, Some(vec![length(entries), length(state)])).with_rows(rows);
    let kept = Value { constant: None, ..state.clone() };
    Ok(Some(Prepared { kernel, outputs: vec![kept, distances] }))
}

/// Whether the entries are rows, forwards, and what is gathered of them too.
fn is_along_rows(node: &Node<'_>) -> Result<bool, LoadError> {
    let axes = ["scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions"];
    let mut rows = node.output_count() <= 2 && node.int("num_scan_inputs")? == Some(1);
    for name in axes {
        rows &= matches!(node.ints(name)?, [] | [0]);
    }
    Ok(rows)
}

/// Whether a body is the one above, with further copies as the converter leaves them.
fn is_distance(body: &GraphProto) -> bool {
    let names = |values: &[ValueInfoProto]| values.iter().map(|value| value.name_str().to_owned()).collect::<Vec<_>>();
    let (inputs, outputs) = (names(&body.input), names(&body.output));
    let ([state, entry], [kept, square]) = (inputs.as_slice(), outputs.as_slice()) else { return false };
    let giver = |name: &str| body.node.iter().find(|node| node.output.iter().any(|output| output == name));
    let source = |name: &str| {
        let mut name = name.to_owned();
        // As many steps as there are nodes lead to the beginning.
        for _ in &body.node {
            match giver(&name) {
                Some(node) if is_plain(node, "Identity", 1) => name.clone_from(&node.input[0]),
                _ => break,
            }
        }
        name
    };
    let Some(reduction) = giver(&source(square)).filter(|node| reduces_columns(node, body)) else { return false };
    let difference = giver(&reduction.input[0]).filter(|node| is_plain(node, "Sub", 2));
    let others = body.node.iter().filter(|node| node.operator() != "Identity").count();
    others == 2 && source(kept) == *state && difference.is_some_and(|node| node.input == [state.clone(), entry.clone()])
}

fn is_plain(node: &NodeProto, operator: &str, inputs: usize) -> bool {
    let known = node.domain_name() == "ai.onnx" && node.attribute.is_empty();
    known && node.operator() == operator && node.input.len() == inputs && node.output.len() == 1
}

/// Whether a node sums squares along the second of two axes; the axis is an attribute or a constant of the body.
fn reduces_columns(node: &NodeProto, body: &GraphProto) -> bool {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name_str() == name);
    let drops = attribute("keepdims").and_then(|attribute| attribute.i) == Some(0);
    let named = |attribute: &AttributeProto| ["axes", "keepdims"].contains(&attribute.name_str());
    let axes = match (attribute("axes"), node.input.get(1)) {
        (Some(attribute), None) => attribute.ints.clone(),
        (None, Some(name)) => {
            let constant = body.initializer.iter().find(|tensor| tensor.name_str() == name);
            let tensor = constant.and_then(|tensor| tensor.to_tensor().ok());
            tensor.and_then(|tensor| tensor.as_slice::<i64>().ok().map(<[i64]>::to_vec)).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let form = node.domain_name() == "ai.onnx" && node.operator() == "ReduceSumSquare" && node.output.len() == 1;
    form && drops && node.attribute.iter().all(named) && matches!(axes.as_slice(), [1 | -1])
}

impl<T: Number> Kernel for SquaredDistances<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (state, entries) = (inputs.get(0)?, inputs.get(1)?);
        let (rows, count, width) = match (&state.shape()[..], &entries.shape()[..]) {
            ([rows, width], [count, other]) if width == other && *width > 0 => (*rows, *count, *width),
            _ => return Err(invalid(format!("no distances between shapes {} and {}", state.shape(), entries.shape()))),
        };
        let shape = Shape::new([count, rows]);
        let mut distances = Vec::with_capacity(room(&shape, T::DTYPE)?);
        let points = elements::<T>(state)?;
        for entry in elements::<T>(entries)?.chunks_exact(width) {
            distances.extend(points.chunks_exact(width).map(|point| squared_distance(point, entry)));
        }
        outputs.push(state.clone());
        outputs.push(tensor(shape, distances)?);
        Ok(())
    }
}

/// Squares in the precision of `T`, summed as every sum is.
pub(super) fn squared_distance<T: Number>(left: &[T], right: &[T]) -> T {
    T::total(left.iter().zip(right).map(|(a, &b)| {
        let difference = a.minus(b);
        difference.times(difference)
    }))
}
