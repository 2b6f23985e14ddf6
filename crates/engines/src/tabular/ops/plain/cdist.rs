//! `CDist` (com.microsoft 1): the distance of each row of one matrix to each row of another, which skl2onnx writes for
//! neighbours on request.

use std::fmt;

use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::neighbours::squared_distance;
use super::number::Number;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

struct CDist<T> {
    /// Whether the square root is taken.
    root: bool,
    element: std::marker::PhantomData<fn() -> T>,
}

pub(in crate::tabular::ops) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (left, right) = (&inputs[0], &inputs[1]);
    right.expect(&[left.dtype], node)?;
    // The operator's own default.
    let root = match node.text("metric")?.unwrap_or("sqeuclidean") {
        "euclidean" => true,
        "sqeuclidean" => false,
        other => return Err(node.unsupported(format!("metric '{other}'"))),
    };
    let kernel: Box<dyn Kernel> = match left.dtype {
        DType::Fp32 => Box::new(CDist::<f32> { root, element: std::marker::PhantomData }),
        DType::Fp64 => Box::new(CDist::<f64> { root, element: std::marker::PhantomData }),
        other => return Err(node.unsupported(format!("elements of {other}"))),
    };
    let length = |value: &Value| value.dims.as_ref().and_then(|dims| dims.first().cloned()).unwrap_or(Dim::ANY);
    let rows = match (left.rows(), right.rows()) {
        (Rows::Absent, Rows::Absent) => Rows::Absent,
        (Rows::Along(0), Rows::Absent) => Rows::Along(0),
        (Rows::Absent, Rows::Along(0)) => Rows::Along(1),
        _ => Rows::Mixed,
    };
    let output = Value::new(left.dtype, Some(vec![length(left), length(right)])).with_rows(rows);
    Ok(Prepared { kernel, outputs: vec![output] })
}

impl<T: Number> fmt::Debug for CDist<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CDist({}, root: {})", T::DTYPE, self.root)
    }
}

impl<T: Number> Kernel for CDist<T> {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let (rows, columns, width) = match (&left.shape()[..], &right.shape()[..]) {
            ([rows, width], [columns, other]) if width == other => (*rows, *columns, *width),
            _ => return Err(invalid(format!("no distances between shapes {} and {}", left.shape(), right.shape()))),
        };
        let shape = Shape::new([rows, columns]);
        let mut distances = Vec::with_capacity(room(&shape, T::DTYPE)?);
        let (left, right) = (elements::<T>(left)?, elements::<T>(right)?);
        if width == 0 {
            distances.resize(distances.capacity().min(rows.saturating_mul(columns)), T::ZERO);
        } else {
            for row in left.chunks_exact(width) {
                distances.extend(right.chunks_exact(width).map(|other| self.distance(row, other)));
            }
        }
        outputs.push(tensor(shape, distances)?);
        Ok(())
    }
}

impl<T: Number> CDist<T> {
    fn distance(&self, left: &[T], right: &[T]) -> T {
        let square = squared_distance(left, right);
        if self.root { T::from_f64(square.to_f64().sqrt()) } else { square }
    }
}
