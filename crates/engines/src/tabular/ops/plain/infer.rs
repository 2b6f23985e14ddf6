//! What is known of an operator's outputs before a run: axes, and where the rows of a request are.

use loadonce_core::{Dim, LoadError, RunError};

use crate::tabular::kernel::{Rows, Value, invalid};
use crate::tabular::node::Node;

/// An axis counted from either end, among so many.
pub(in crate::tabular::ops) fn axis_among(axis: i64, rank: usize) -> Result<usize, RunError> {
    find_axis(axis, rank).ok_or_else(|| invalid(no_axis(axis, rank)))
}

/// The same at load, where the number of axes is known.
pub(in crate::tabular::ops) fn known_axis(
    axis: i64,
    value: &Value,
    node: &Node<'_>,
) -> Result<Option<usize>, LoadError> {
    let Some(rank) = value.rank() else { return Ok(None) };
    find_axis(axis, rank).map(Some).ok_or_else(|| node.corrupt(no_axis(axis, rank)))
}

fn find_axis(axis: i64, rank: usize) -> Option<usize> {
    let from_end = if axis < 0 { i64::try_from(rank).ok()? } else { 0 };
    usize::try_from(axis.checked_add(from_end)?).ok().filter(|&axis| axis < rank)
}

fn no_axis(axis: i64, rank: usize) -> String {
    format!("there is no axis {axis} among {rank}")
}

/// Axes and rows of the values broadcast together (ONNX, "Multidirectional Broadcasting"), and the labels of the first
/// that has some.
pub(super) fn broadcast(inputs: &[Value]) -> Value {
    let dims = broadcast_dims(inputs);
    let rows = broadcast_rows(inputs, dims.as_ref().map(Vec::len));
    let rank = dims.as_ref().map(Vec::len);
    let labels = inputs.iter().find(|input| !input.labels.is_empty() && input.rank() == rank);
    let labels = labels.map_or_else(Vec::new, |input| input.labels.clone());
    Value::new(inputs[0].dtype, dims).with_rows(rows).with_labels(labels)
}

fn broadcast_dims(inputs: &[Value]) -> Option<Vec<Dim>> {
    let all: Vec<&[Dim]> = inputs.iter().map(|input| input.dims.as_deref()).collect::<Option<_>>()?;
    let rank = all.iter().map(|dims| dims.len()).max()?;
    let dim = |axis: usize| {
        let own = all.iter().filter_map(|dims| dims.get((axis + dims.len()).checked_sub(rank)?));
        own.cloned().reduce(broadcast_dim).unwrap_or(Dim::ANY)
    };
    Some((0..rank).map(dim).collect())
}

/// A free axis may turn out to be of length one, but a fixed length beside it says what comes out.
fn broadcast_dim(left: Dim, right: Dim) -> Dim {
    match (&left, &right) {
        (Dim::Fixed(1), _) => right,
        (_, Dim::Fixed(1)) | (Dim::Fixed(_), Dim::Dynamic(_)) => left,
        (Dim::Dynamic(_), Dim::Fixed(_)) => right,
        _ if left == right => left,
        _ => Dim::ANY,
    }
}

/// Rows stay apart only along the same axis of all values that have some; what has none must be the same for each row.
fn broadcast_rows(inputs: &[Value], rank: Option<usize>) -> Rows {
    let mut from_end = None;
    for input in inputs {
        match (input.rows(), input.rank()) {
            (Rows::Absent, _) => {}
            (Rows::Along(axis), Some(own)) if from_end.is_none_or(|found| found == own - axis) => {
                from_end = Some(own - axis);
            }
            _ => return Rows::Mixed,
        }
    }
    let Some(from_end) = from_end else { return Rows::Absent };
    let same_for_each = |input: &Value| match (input.rows(), input.dims.as_deref()) {
        (Rows::Absent, Some(dims)) => dims.len() < from_end || dims[dims.len() - from_end] == Dim::Fixed(1),
        (rows, _) => rows != Rows::Absent,
    };
    match rank {
        Some(rank) if inputs.iter().all(same_for_each) => Rows::Along(rank - from_end),
        _ => Rows::Mixed,
    }
}

/// Rows of what comes of one value with rows in it: where they are along an axis, `place` says along which they are then.
pub(super) fn moved_rows(value: &Value, place: impl FnOnce(usize) -> Option<usize>) -> Rows {
    match value.rows() {
        Rows::Absent => Rows::Absent,
        Rows::Along(axis) => place(axis).map_or(Rows::Mixed, Rows::Along),
        Rows::Runs { .. } | Rows::Mixed => Rows::Mixed,
    }
}

/// Rows of what depends on these values in ways that nothing is known of.
pub(in crate::tabular::ops) fn mixed_rows(inputs: &[Value]) -> Rows {
    if inputs.iter().all(|input| input.rows() == Rows::Absent) { Rows::Absent } else { Rows::Mixed }
}

/// Axes of which nothing is known but their number.
pub(in crate::tabular::ops) fn free_dims(rank: usize) -> Vec<Dim> {
    vec![Dim::ANY; rank]
}

#[cfg(test)]
mod tests {
    use loadonce_core::DType;

    use super::*;

    fn value(dims: &[&str], rows: Rows) -> Value {
        let dims = dims.iter().map(|dim| dim.parse().map_or_else(|_| Dim::named(dim), Dim::Fixed)).collect();
        Value::new(DType::Fp32, Some(dims)).with_rows(rows)
    }

    #[test]
    fn rows_stay_apart_only_along_one_axis() {
        let table = || value(&["n", "3"], Rows::Along(0));
        let rows = |other: Value| broadcast(&[table(), other]).rows();
        assert_eq!(rows(value(&["3"], Rows::Absent)), Rows::Along(0));
        assert_eq!(rows(value(&["1", "3"], Rows::Absent)), Rows::Along(0));
        assert_eq!(rows(value(&["5", "3"], Rows::Absent)), Rows::Mixed);
        assert_eq!(rows(value(&["2", "1", "1"], Rows::Absent)), Rows::Along(1));
        assert_eq!(rows(value(&["n", "1"], Rows::Along(0))), Rows::Along(0));
        assert_eq!(rows(value(&["n"], Rows::Along(0))), Rows::Mixed);
        assert_eq!(rows(value(&["1", "1"], Rows::Mixed)), Rows::Mixed);
        assert_eq!(rows(Value::new(DType::Fp32, None).with_rows(Rows::Absent)), Rows::Mixed);
    }

    #[test]
    fn dims_are_as_exact_as_they_can_be() {
        let dims = |left: &[&str], right: &[&str]| {
            broadcast(&[value(left, Rows::Absent), value(right, Rows::Absent)]).dims.unwrap()
        };
        assert_eq!(dims(&["n", "3"], &["1"]), [Dim::named("n"), Dim::Fixed(3)]);
        assert_eq!(dims(&["n", "3"], &["n", "1"]), [Dim::named("n"), Dim::Fixed(3)]);
        assert_eq!(dims(&["n"], &["m"]), [Dim::ANY]);
        assert_eq!(dims(&["n"], &["4"]), [Dim::Fixed(4)]);
        assert_eq!(dims(&["2", "1"], &["5"]), [Dim::Fixed(2), Dim::Fixed(5)]);
    }
}
