//! `MatMul` and `Gemm`: products of matrices.
//!
//! Floats of several rows are `ndarray`'s, which uses the widest arithmetic of the processor. Otherwise rows of the left
//! matrix are taken one by one and the right one in blocks that stay in the cache, and every element sums its products in
//! their order. So a row's answer may differ in its last bits from that in a batch, as ONNX Runtime's does.

use std::fmt;

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::binary::zip;
use super::infer::broadcast;
use super::number::{Number, Transposable};
use super::walk::{Walk, broadcast_shape};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// Lengths of a product `[rows, inner] x [inner, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    rows: usize,
    inner: usize,
    columns: usize,
}

/// Rows of the right matrix that are multiplied before the next ones are fetched.
const BLOCK: usize = 64;

/// Rows from which on it pays to lay the right matrix out anew.
const MANY_ROWS: usize = 4;

/// Adds the product for many rows of floats; false where the loops below are for it.
fn multiply_many<T: Number>(left: &[T], (right, transposed): (&[T], bool), result: &mut [T], size: Size) -> bool {
    let right = Transposable { elements: right, is_transposed: transposed };
    size.rows >= MANY_ROWS && T::add_product(left, right, result, [size.rows, size.inner, size.columns])
}

/// Adds the product of two row-major matrices to a third.
fn multiply<T: Number>(left: &[T], right: &[T], result: &mut [T], size: Size) {
    if size.inner == 0 || size.columns == 0 || multiply_many(left, (right, false), result, size) {
        return;
    }
    for (block, right) in right.chunks(BLOCK * size.columns).enumerate() {
        for (left, result) in left.chunks_exact(size.inner).zip(result.chunks_exact_mut(size.columns)) {
            for (&factor, right) in left[block * BLOCK..].iter().zip(right.chunks_exact(size.columns)) {
                add_scaled(factor, right, result);
            }
        }
    }
}

fn add_scaled<T: Number>(factor: T, row: &[T], result: &mut [T]) {
    for (result, &element) in result.iter_mut().zip(row) {
        *result = result.plus(factor.times(element));
    }
}

/// The same for a right matrix that is transposed: `[columns, inner]`, so that rows meet rows.
fn multiply_transposed<T: Number>(left: &[T], right: &[T], result: &mut [T], size: Size) {
    if size.inner == 0 || size.columns == 0 || multiply_many(left, (right, true), result, size) {
        return;
    }
    for (left, result) in left.chunks_exact(size.inner).zip(result.chunks_exact_mut(size.columns)) {
        for (right, result) in right.chunks_exact(size.inner).zip(result) {
            *result = result.plus(dot(left, right));
        }
    }
}

/// Sums side by side, which a processor adds at once.
const LANES: usize = 8;

fn dot<T: Number>(left: &[T], right: &[T]) -> T {
    let mut sums = [T::ZERO; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            sums[lane] = sums[lane].plus(left[lane].times(right[lane]));
        }
    }
    let rest = left_rest.iter().zip(right_rest).fold(T::ZERO, |sum, (&a, &b)| sum.plus(a.times(b)));
    sums.into_iter().fold(rest, T::plus)
}

/// Matrices along the last two axes, broadcast along the others (numpy's `matmul`).
struct MatMul<T>(std::marker::PhantomData<fn() -> T>);

pub(in crate::tabular::ops) fn prepare_mat_mul(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    inputs[1].expect(&[inputs[0].dtype], node)?;
    let kernel: Box<dyn Kernel> = match inputs[0].dtype {
        DType::Fp32 => Box::new(MatMul::<f32>(std::marker::PhantomData)),
        DType::Fp64 => Box::new(MatMul::<f64>(std::marker::PhantomData)),
        DType::Int64 => Box::new(MatMul::<i64>(std::marker::PhantomData)),
        DType::Int32 => Box::new(MatMul::<i32>(std::marker::PhantomData)),
        other => return Err(node.unsupported(format!("elements of {other}"))),
    };
    let dims = product_dims(inputs);
    let rows = product_rows(inputs, dims.as_ref().map(Vec::len));
    let output = Value::new(inputs[0].dtype, dims).with_rows(rows);
    Ok(Prepared { kernel, outputs: vec![output] })
}

fn product_dims(inputs: &[Value]) -> Option<Vec<Dim>> {
    let (left, right) = (inputs[0].dims.as_deref()?, inputs[1].dims.as_deref()?);
    let batch = |dims: &[Dim]| {
        let batch = dims[..dims.len().saturating_sub(2)].to_vec();
        Value::new(DType::Bool, Some(batch)).with_rows(Rows::Absent)
    };
    let mut dims = broadcast(&[batch(left), batch(right)]).dims?;
    if left.len() > 1 {
        dims.push(left[left.len() - 2].clone());
    }
    if right.len() > 1 {
        dims.push(right[right.len() - 1].clone());
    }
    Some(dims)
}

/// Rows stay apart where they are rows of the left matrix, columns of the right one, or one matrix each, and the other
/// matrix is the same for all.
fn product_rows(inputs: &[Value], rank: Option<usize>) -> Rows {
    let (left, right) = (&inputs[0], &inputs[1]);
    let (Some(rank), Some(left_rank), Some(right_rank)) = (rank, left.rank(), right.rank()) else {
        return super::infer::mixed_rows(inputs);
    };
    let batch = |axis: usize, own: usize, other: usize| {
        (axis + 2 < own && other <= 2).then_some(rank.checked_sub(own)).flatten().map(|shift| axis + shift)
    };
    let place = match (left.rows(), right.rows()) {
        (Rows::Absent, Rows::Absent) => return Rows::Absent,
        (Rows::Along(axis), Rows::Absent) if left_rank >= 2 && axis + 2 == left_rank => {
            rank.checked_sub(if right_rank > 1 { 2 } else { 1 })
        }
        (Rows::Along(axis), Rows::Absent) if right_rank == 2 => batch(axis, left_rank, right_rank),
        (Rows::Absent, Rows::Along(axis)) if right_rank >= 2 && axis + 1 == right_rank => rank.checked_sub(1),
        (Rows::Absent, Rows::Along(axis)) if left_rank == 2 => batch(axis, right_rank, left_rank),
        _ => None,
    };
    place.map_or(Rows::Mixed, Rows::Along)
}

impl<T: Number> fmt::Debug for MatMul<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MatMul({})", T::DTYPE)
    }
}

impl<T: Number> Kernel for MatMul<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let (batch, size, shape) = product_of(left.shape(), right.shape())?;
        let count = room(&shape, T::DTYPE)?;
        let mut result = vec![T::ZERO; count];
        let (a, b) = (elements::<T>(left)?, elements::<T>(right)?);
        if count > 0 && size.inner > 0 {
            let mut results = result.chunks_exact_mut(size.rows * size.columns);
            batch.offsets(|[i, j]| {
                let (i, j) = (i * size.rows * size.inner, j * size.inner * size.columns);
                let (a, b) = (&a[i..i + size.rows * size.inner], &b[j..j + size.inner * size.columns]);
                if let Some(result) = results.next() {
                    multiply(a, b, result, size);
                }
            });
        }
        outputs.push(tensor(shape, result)?);
        Ok(())
    }
}

/// Which matrices meet, how large they are, and the shape of the result.
fn product_of(left: &[usize], right: &[usize]) -> Result<(Walk<2>, Size, Shape), RunError> {
    let cannot = || invalid(format!("shapes {} and {} cannot be multiplied", Shape::from(left), Shape::from(right)));
    let (left_batch, rows, inner) = match left {
        [] => return Err(cannot()),
        [inner] => (&[][..], None, *inner),
        [batch @ .., rows, inner] => (batch, Some(*rows), *inner),
    };
    let (right_batch, other, columns) = match right {
        [] => return Err(cannot()),
        [inner] => (&[][..], *inner, None),
        [batch @ .., inner, columns] => (batch, *inner, Some(*columns)),
    };
    if inner != other {
        return Err(cannot());
    }
    let batch = broadcast_shape(&[left_batch, right_batch])?;
    let shape = Shape::new(batch.iter().copied().chain(rows).chain(columns));
    let size = Size { rows: rows.unwrap_or(1), inner, columns: columns.unwrap_or(1) };
    Ok((Walk::broadcast([left_batch, right_batch], &batch), size, shape))
}

/// `alpha * a * b + beta * c`, each matrix transposed if an attribute says so.
struct Gemm<T> {
    alpha: T,
    beta: T,
    transpose_left: bool,
    transpose_right: bool,
}

pub(in crate::tabular::ops) fn prepare_gemm(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    for input in inputs[1..].iter().filter(|input| !input.missing) {
        input.expect(&[inputs[0].dtype], node)?;
    }
    match inputs[0].dtype {
        DType::Fp32 => prepare_gemm_of::<f32>(node, inputs),
        DType::Fp64 => prepare_gemm_of::<f64>(node, inputs),
        DType::Int64 => prepare_gemm_of::<i64>(node, inputs),
        DType::Int32 => prepare_gemm_of::<i32>(node, inputs),
        other => Err(node.unsupported(format!("elements of {other}"))),
    }
}

fn prepare_gemm_of<T: Number>(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let factor = |name: &str| Ok(T::from_f64(node.float(name)?.unwrap_or(1.0).into()));
    let (transpose_left, transpose_right) = (node.flag("transA", false)?, node.flag("transB", false)?);
    let (left, right) =
        (matrix_dims(node, &inputs[0], transpose_left)?, matrix_dims(node, &inputs[1], transpose_right)?);
    let own = match (inputs[0].rows(), inputs[1].rows()) {
        (Rows::Absent, Rows::Absent) => Rows::Absent,
        (Rows::Along(axis), Rows::Absent) if axis == usize::from(transpose_left) => Rows::Along(0),
        _ => Rows::Mixed,
    };
    let product = Value::new(T::DTYPE, Some(vec![left[0].clone(), right[1].clone()])).with_rows(own);
    let output = match inputs.get(2).filter(|added| !added.missing) {
        Some(added) => {
            let rows = broadcast(&[product.clone(), added.clone()]).rows();
            product.with_rows(rows)
        }
        None => product,
    };
    let kernel = Gemm { alpha: factor("alpha")?, beta: factor("beta")?, transpose_left, transpose_right };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![output] })
}

fn matrix_dims(node: &Node<'_>, matrix: &Value, transposed: bool) -> Result<[Dim; 2], LoadError> {
    match matrix.dims.as_deref() {
        None => Ok([Dim::ANY, Dim::ANY]),
        Some([rows, columns]) if transposed => Ok([columns.clone(), rows.clone()]),
        Some([rows, columns]) => Ok([rows.clone(), columns.clone()]),
        Some(dims) => Err(node.corrupt(format!("a matrix has two axes, got {}", dims.len()))),
    }
}

impl<T: Number> fmt::Debug for Gemm<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alpha, beta, transpose_left, transpose_right } = self;
        write!(formatter, "Gemm({alpha:?}, {beta:?}, transposed: {transpose_left}, {transpose_right})")
    }
}

impl<T: Number> Kernel for Gemm<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let size = self.size(left.shape(), right.shape())?;
        let shape = Shape::new([size.rows, size.columns]);
        let mut result = vec![T::ZERO; room(&shape, T::DTYPE)?];
        let (a, b) = (elements::<T>(left)?, elements::<T>(right)?);
        let turned = self.transpose_left.then(|| transposed(a, size));
        let a = turned.as_deref().unwrap_or(a);
        if self.transpose_right {
            multiply_transposed(a, b, &mut result, size);
        } else {
            multiply(a, b, &mut result, size);
        }
        if self.alpha != T::ONE {
            for element in &mut result {
                *element = element.times(self.alpha);
            }
        }
        if let Some(added) = inputs.optional(2) {
            result = self.add(&result, added, &shape)?;
        }
        outputs.push(tensor(shape, result)?);
        Ok(())
    }
}

impl<T: Number> Gemm<T> {
    fn size(&self, left: &Shape, right: &Shape) -> Result<Size, RunError> {
        let cannot = || invalid(format!("matrices of shapes {left} and {right} cannot be multiplied"));
        let lengths = |shape: &Shape, transposed: bool| match **shape {
            [rows, columns] if transposed => Ok([columns, rows]),
            [rows, columns] => Ok([rows, columns]),
            _ => Err(cannot()),
        };
        let [rows, inner] = lengths(left, self.transpose_left)?;
        let [other, columns] = lengths(right, self.transpose_right)?;
        if inner == other { Ok(Size { rows, inner, columns }) } else { Err(cannot()) }
    }

    fn add(&self, result: &[T], added: &Tensor, shape: &Shape) -> Result<Vec<T>, RunError> {
        if broadcast_shape(&[shape, added.shape()])? != *shape {
            return Err(invalid(format!("shape {} cannot be broadcast to {shape}", added.shape())));
        }
        let scaled =
            |&element: &T, &added: &T| element.plus(if self.beta == T::ONE { added } else { added.times(self.beta) });
        Ok(zip((result, shape), (elements(added)?, added.shape()), shape, scaled))
    }
}

/// A matrix `[inner, rows]` as `[rows, inner]`.
fn transposed<T: Number>(matrix: &[T], size: Size) -> Vec<T> {
    (0..size.rows).flat_map(|row| matrix.iter().skip(row).step_by(size.rows.max(1)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers, so that no order of summation can be told from another.
    fn matrix(rows: usize, columns: usize) -> Vec<i64> {
        (0..i64::try_from(rows * columns).unwrap()).map(|element| element * 7 % 11 - 5).collect()
    }

    #[test]
    fn blocks_and_lanes_leave_nothing_out() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 64, 2), (2, 65, 5), (4, 200, 9), (5, 7, 1)] {
            let size = Size { rows, inner, columns };
            let (left, right) = (matrix(rows, inner), matrix(inner, columns));
            let entry = |at: usize| -> i64 {
                (0..inner).map(|k| left[at / columns * inner + k] * right[k * columns + at % columns]).sum()
            };
            let expected: Vec<i64> = (0..rows * columns).map(entry).collect();
            let mut result = vec![0; rows * columns];
            multiply(&left, &right, &mut result, size);
            assert_eq!(result, expected, "{size:?}");
            let turned = transposed(&right, Size { rows: columns, inner, columns: 0 });
            let mut result = vec![0; rows * columns];
            multiply_transposed(&left, &turned, &mut result, size);
            assert_eq!(result, expected, "{size:?}, transposed");
        }
    }

    #[test]
    fn many_rows_of_floats_are_multiplied_alike() {
        for (rows, inner, columns) in [(4, 1, 1), (4, 65, 3), (9, 64, 16), (64, 200, 10)] {
            let size = Size { rows, inner, columns };
            let (left, right) = (matrix(rows, inner), matrix(inner, columns));
            let mut expected = vec![1; rows * columns];
            multiply(&left, &right, &mut expected, size);
            let floats =
                |elements: &[i64]| elements.iter().map(|&element| f32::from_f64(element.to_f64())).collect::<Vec<_>>();
            let mut result = vec![1.0; rows * columns];
            multiply(&floats(&left), &floats(&right), &mut result, size);
            assert_eq!(result, floats(&expected), "{size:?}");
            let turned = transposed(&right, Size { rows: columns, inner, columns: 0 });
            let mut result = vec![1.0; rows * columns];
            multiply_transposed(&floats(&left), &floats(&turned), &mut result, size);
            assert_eq!(result, floats(&expected), "{size:?}, transposed");
        }
    }

    #[test]
    fn shapes_multiply_as_in_numpy() {
        let shape = |left: &[usize], right: &[usize]| product_of(left, right).map(|(_, _, shape)| shape);
        assert_eq!(shape(&[3], &[3]).unwrap(), Shape::scalar());
        assert_eq!(shape(&[3], &[3, 2]).unwrap(), Shape::new([2]));
        assert_eq!(shape(&[4, 3], &[3]).unwrap(), Shape::new([4]));
        assert_eq!(shape(&[2, 1, 4, 3], &[5, 3, 2]).unwrap(), Shape::new([2, 5, 4, 2]));
        assert!(shape(&[2, 3], &[2, 3]).is_err() && shape(&[], &[1]).is_err());
    }
}
