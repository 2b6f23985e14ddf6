//! `Scan` (ai.onnx 9 and later): a graph run once for each entry of an axis, which carries states from one entry to the
//! next. Converters write distances to the rows of a training set with it.

use loadonce_core::{LoadError, RunError, Shape, Tensor};

use super::cells::{Movement, moved};
use super::infer::{axis_among, free_dims, known_axis, mixed_rows, moved_rows};
use super::neighbours;
use crate::tabular::compiler::compile_body;
use crate::tabular::kernel::{Inputs, Kernel, MAX_VALUE_BYTES, Prepared, Rows, Value, invalid, room};
use crate::tabular::node::Node;
use crate::tabular::program::{Frame, Program};

/// Bytes of all that is gathered in one run, before it is stacked.
const MAX_GATHERED_BYTES: usize = if cfg!(test) { 1 << 20 } else { MAX_VALUE_BYTES };

/// The body and how it is fed. Its inputs are the states, then an entry of each scanned input, then what it captures
/// of the graph around it; its outputs are the states, then what is gathered along an axis.
#[derive(Debug)]
struct Scan {
    body: Program,
    states: usize,
    scanned: Vec<Direction>,
    gathered: Vec<Direction>,
}

/// The axis along which a tensor is scanned or gathered.
#[derive(Clone, Copy, Debug)]
struct Direction {
    axis: i64,
    backwards: bool,
}

pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    if let Some(distances) = neighbours::prepare(node, inputs)? {
        return Ok(distances);
    }
    let scans = node.int("num_scan_inputs")?.and_then(|count| usize::try_from(count).ok());
    let scans = scans.filter(|&count| count > 0 && count <= inputs.len());
    let scans = scans.ok_or_else(|| node.corrupt("attribute 'num_scan_inputs' is no number of inputs"))?;
    let states = inputs.len() - scans;
    let scanned = directions(node, "scan_input_axes", "scan_input_directions", scans)?;
    let mut body_inputs: Vec<Value> = inputs[..states].iter().map(state).collect();
    for (input, direction) in inputs[states..].iter().zip(&scanned) {
        body_inputs.push(entry(input, *direction, node)?);
    }
    let body = compile_body(node, "body", body_inputs)?;
    let gathers = body.outputs.len().checked_sub(states).ok_or_else(|| node.corrupt("the body drops a state"))?;
    let gathered = directions(node, "scan_output_axes", "scan_output_directions", gathers)?;
    let outputs = outputs(node, inputs, body.outputs.split_at(states), &gathered)?;
    let kernel = Scan { body: body.program, states, scanned, gathered };
    Ok(Prepared { kernel: Box::new(kernel), outputs })
}

/// The states after the last entry, and what is gathered of all. Rows in a state stay apart if they are still where they
/// were after an entry; else what is known of the first entry says nothing of the second.
fn outputs(
    node: &Node<'_>,
    inputs: &[Value],
    (states, pieces): (&[Value], &[Value]),
    gathered: &[Direction],
) -> Result<Vec<Value>, LoadError> {
    for (index, (before, after)) in inputs.iter().zip(states).enumerate() {
        let same_rank = before.rank().is_none() || after.rank().is_none() || before.rank() == after.rank();
        if before.dtype != after.dtype || !same_rank {
            return Err(node.corrupt(format!("the body changes the dtype or the number of axes of state {index}")));
        }
    }
    let apart = inputs.iter().zip(states).all(|(before, after)| before.rows() == after.rows());
    let states =
        states.iter().map(|state| Value::new(state.dtype, state.rank().map(free_dims)).with_rows(state.rows()));
    let pieces = pieces.iter().zip(gathered).map(|(piece, direction)| stacked(piece, *direction));
    let outputs = states.chain(pieces);
    Ok(outputs.map(|output| if apart { output } else { output.with_rows(mixed_rows(inputs)) }).collect())
}

/// What is known of pieces stacked along a further axis.
fn stacked(piece: &Value, direction: Direction) -> Value {
    let Some(rank) = piece.rank() else { return Value::new(piece.dtype, None).with_rows(Rows::Mixed) };
    let at = axis_among(direction.axis, rank + 1).ok();
    let rows = moved_rows(piece, |rows| at.map(|at| if at <= rows { rows + 1 } else { rows }));
    Value::new(piece.dtype, Some(free_dims(rank + 1))).with_rows(rows)
}

fn directions(node: &Node<'_>, axes: &str, backwards: &str, count: usize) -> Result<Vec<Direction>, LoadError> {
    let (axes, backwards) = (node.ints(axes)?, node.ints(backwards)?);
    if [axes, backwards].iter().any(|list| !list.is_empty() && list.len() != count) {
        return Err(node.corrupt(format!("axes {axes:?} and directions {backwards:?} for {count} tensors")));
    }
    let direction = |index: usize| Direction {
        axis: axes.get(index).copied().unwrap_or(0),
        backwards: backwards.get(index).is_some_and(|&backwards| backwards != 0),
    };
    Ok((0..count).map(direction).collect())
}

/// A state may change from entry to entry, in all but its dtype and its number of axes.
fn state(value: &Value) -> Value {
    Value::new(value.dtype, value.rank().map(free_dims)).with_rows(value.rows())
}

/// One entry of what is scanned. Where the entries are the rows themselves, nothing is said of them.
fn entry(value: &Value, direction: Direction, node: &Node<'_>) -> Result<Value, LoadError> {
    let (Some(at), Some(dims)) = (known_axis(direction.axis, value, node)?, &value.dims) else {
        return Ok(Value::new(value.dtype, None).with_rows(mixed_rows(std::slice::from_ref(value))));
    };
    let rows = super::reduce::reduced_rows(value, &[at], false);
    Ok(Value::new(value.dtype, Some([&dims[..at], &dims[at + 1..]].concat())).with_rows(rows))
}

impl Kernel for Scan {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let all: Vec<&Tensor> = inputs.iter().collect::<Result<_, _>>()?;
        let (states, rest) = all.split_at(self.states);
        let (scanned, captured) = rest.split_at(self.scanned.len());
        let entries = scanned.iter().zip(&self.scanned).map(|(tensor, direction)| Entries::of(tensor, *direction));
        let entries: Vec<Entries<'_>> = entries.collect::<Result<_, _>>()?;
        let count = entries.first().map_or(0, |entries| entries.count);
        if entries.iter().any(|other| other.count != count) {
            return Err(invalid("the scanned inputs differ in length"));
        }
        let mut states: Vec<Tensor> = states.iter().map(|&state| state.clone()).collect();
        let mut pieces: Vec<Vec<Tensor>> =
            self.gathered.iter().map(|_| Vec::with_capacity(count.min(1 << 16))).collect();
        let (mut frame, mut gathered) = (Frame::new(&self.body), 0_usize);
        for index in 0..count {
            let taken: Vec<Tensor> = entries.iter().map(|entries| entries.get(index)).collect::<Result<_, _>>()?;
            let inputs: Vec<&Tensor> = states.iter().chain(&taken).chain(captured.iter().copied()).collect();
            let mut given = frame.run(&self.body, inputs.into_iter())?;
            for (pieces, piece) in pieces.iter_mut().zip(given.drain(self.states..)) {
                gathered = gathered.saturating_add(piece.byte_len());
                pieces.push(piece);
            }
            if gathered > MAX_GATHERED_BYTES {
                return Err(invalid(format!("what is gathered takes more than {MAX_GATHERED_BYTES} bytes")));
            }
            states = given;
        }
        outputs.append(&mut states);
        for (pieces, direction) in pieces.iter().zip(&self.gathered) {
            outputs.push(stack(pieces, *direction)?);
        }
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.body.weight_bytes()
    }

    /// A loop within a loop within a loop could keep a load busy for ever.
    fn folds(&self) -> bool {
        false
    }
}

/// The entries of a tensor along an axis, without that axis.
struct Entries<'a> {
    tensor: &'a Tensor,
    axis: usize,
    count: usize,
    shape: Shape,
    backwards: bool,
}

impl<'a> Entries<'a> {
    fn of(tensor: &'a Tensor, direction: Direction) -> Result<Self, RunError> {
        let whole = tensor.shape();
        let axis = axis_among(direction.axis, whole.len())?;
        let shape = Shape::new(whole[..axis].iter().chain(&whole[axis + 1..]).copied());
        Ok(Self { tensor, axis, count: whole[axis], shape, backwards: direction.backwards })
    }

    fn get(&self, index: usize) -> Result<Tensor, RunError> {
        let index = if self.backwards { self.count - 1 - index } else { index };
        let failed = |error: loadonce_core::TensorError| RunError::Failed(error.to_string());
        if self.axis == 0 {
            return self.tensor.rows(index..index + 1).reshape(self.shape.clone()).map_err(failed);
        }
        let axes = self.tensor.shape();
        let run: usize = axes[self.axis + 1..].iter().product();
        let before: usize = axes[..self.axis].iter().product();
        if self.tensor.is_empty() {
            return Tensor::zeros(self.tensor.dtype(), self.shape.clone()).map_err(failed);
        }
        moved(&[self.tensor], self.shape.clone(), &Entry { start: index * run, run, before, step: run * self.count })
    }
}

/// Runs of elements, equally far apart.
struct Entry {
    start: usize,
    run: usize,
    before: usize,
    step: usize,
}

impl Movement for Entry {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let Some(from) = tensors.first() else { return Ok(Vec::new()) };
        let starts = (0..self.before).map(|index| self.start + index * self.step);
        Ok(starts.flat_map(|start| from[start..start + self.run].iter().cloned()).collect())
    }
}

/// Tensors of one shape side by side along a new axis.
fn stack(pieces: &[Tensor], direction: Direction) -> Result<Tensor, RunError> {
    let first = pieces.first().ok_or_else(|| invalid("a scan over no entries gives nothing to gather"))?;
    if let Some(other) = pieces.iter().find(|piece| piece.shape() != first.shape()) {
        return Err(invalid(format!("entries of shapes {} and {}", first.shape(), other.shape())));
    }
    let axis = axis_among(direction.axis, first.shape().len() + 1)?;
    let mut lengths = first.shape().to_vec();
    lengths.insert(axis, pieces.len());
    let shape = Shape::new(lengths);
    let mut tensors: Vec<&Tensor> = pieces.iter().collect();
    if direction.backwards {
        tensors.reverse();
    }
    let count = room(&shape, first.dtype())?;
    let run = if count == 0 { 0 } else { first.shape()[axis..].iter().product() };
    moved(&tensors, shape, &Stack { run, count })
}

/// Runs of each tensor in turn.
struct Stack {
    run: usize,
    count: usize,
}

impl Movement for Stack {
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError> {
        let mut stacked = Vec::with_capacity(self.count);
        let mut start = 0;
        while stacked.len() < self.count {
            for tensor in tensors {
                stacked.extend_from_slice(&tensor[start..start + self.run]);
            }
            start += self.run;
        }
        Ok(stacked)
    }
}
