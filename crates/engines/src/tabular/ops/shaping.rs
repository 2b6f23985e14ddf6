//! `Reshape` and `Concat`, for every dtype.

use bytes::{Bytes, BytesMut};
use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use super::plain::infer::{axis_among, free_dims, known_axis, mixed_rows};
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Rows, Value, invalid, room};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

/// A new shape over the same elements; the elements are not copied.
#[derive(Debug)]
struct Reshape {
    /// Where it is known at load; the second input otherwise.
    shape: Option<NewShape>,
    /// Whether 0 is a length after all (`allowzero`, ai.onnx 14).
    zero_is_length: bool,
}

/// Lengths of axes as a model gives them.
#[derive(Clone, Debug)]
struct NewShape {
    /// A length, 0 for the input's length of that axis, or -1 for what is left.
    shape: Vec<i64>,
    zero_is_length: bool,
}

/// Tensors of one dtype, one behind the other along an axis.
#[derive(Debug)]
struct Concat {
    axis: i64,
}

/// Tensors to be joined along an axis.
struct Joint<'a> {
    tensors: Vec<&'a Tensor>,
    axis: usize,
}

/// The shape is an attribute before operator set 5, then the second input.
pub(super) fn prepare_reshape(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    let zero_is_length = node.flag("allowzero", false)?;
    let known = match (inputs.get(1), node.version() < 5) {
        (None, true) => Some(node.ints("shape")?.to_vec()),
        (Some(shape), false) => {
            shape.expect(&[DType::Int64], node)?;
            let known = shape.constant.as_ref().map(|shape| shape.as_slice::<i64>().map(<[i64]>::to_vec));
            known.transpose().map_err(|error| node.corrupt(error.to_string()))?
        }
        _ => return Err(node.corrupt(format!("{} inputs", inputs.len()))),
    };
    let shape = known.map(|shape| NewShape::checked(shape, zero_is_length)).transpose();
    let shape = shape.map_err(|error| node.corrupt(error.to_string()))?;
    let output = match &shape {
        Some(shape) => {
            let (dims, rows) = shape.infer(input);
            Value::new(input.dtype, dims).with_rows(rows)
        }
        None => Value::new(input.dtype, inputs[1].length_of_shape().map(free_dims)).with_rows(mixed_rows(inputs)),
    };
    Ok(Prepared { kernel: Box::new(Reshape { shape, zero_is_length }), outputs: vec![output] })
}

impl NewShape {
    fn checked(shape: Vec<i64>, zero_is_length: bool) -> Result<Self, RunError> {
        let inferred = shape.iter().filter(|&&length| length == -1).count();
        if inferred > 1 || shape.iter().any(|&length| length < -1) {
            return Err(invalid(format!("{shape:?} is no shape")));
        }
        Ok(Self { shape, zero_is_length })
    }

    /// The axes as far as they are known before a run, and where the rows of a request are then.
    fn infer(&self, input: &Value) -> (Option<Vec<Dim>>, Rows) {
        let old = input.dims.as_deref();
        let dims = self.shape.iter().enumerate().map(|(axis, &length)| self.dim(axis, length, old));
        let mut dims: Vec<Dim> = dims.collect();
        let placed = match (input.rows(), old) {
            (Rows::Absent, _) => return (Some(dims), Rows::Absent),
            (Rows::Along(axis), Some(old)) => self.place_of_rows(old, axis, 1).map(|to| (to, old[axis].clone())),
            (Rows::Runs { axis, each }, Some(old)) => self.place_of_rows(old, axis, each).map(|to| (to, Dim::ANY)),
            _ => None,
        };
        let Some((to, dim)) = placed else { return (Some(dims), Rows::Mixed) };
        dims[to] = dim;
        (Some(dims), Rows::Along(to))
    }

    fn dim(&self, axis: usize, length: i64, input: Option<&[Dim]>) -> Dim {
        match usize::try_from(length) {
            Ok(0) if !self.zero_is_length => input.and_then(|dims| dims.get(axis)).cloned().unwrap_or(Dim::ANY),
            Ok(length) => Dim::Fixed(length),
            Err(_) => Dim::ANY,
        }
    }

    /// The new axis of the rows, if they are sure to stay rows: nothing but axes of length one before them, and as
    /// many elements in each as there were.
    fn place_of_rows(&self, old: &[Dim], from: usize, each: usize) -> Option<usize> {
        let product = |dims: &[Dim]| {
            dims.iter().try_fold(1_usize, |product, dim| match dim {
                Dim::Fixed(length) => product.checked_mul(*length),
                Dim::Dynamic(_) => None,
            })
        };
        if product(&old[..from])? != 1 {
            return None;
        }
        let to = self.shape.iter().position(|&length| length != 1)?;
        if to == from && self.shape[to] == 0 && !self.zero_is_length && each == 1 {
            return Some(to);
        }
        let rest = self.shape.iter().enumerate().skip(to + 1).map(|(axis, &length)| self.dim(axis, length, Some(old)));
        let per_row = product(&old[from + 1..])?.checked_mul(each).filter(|&count| count > 0)?;
        (self.shape[to] == -1 && product(&rest.collect::<Vec<_>>()) == Some(per_row)).then_some(to)
    }

    fn of(&self, input: &Tensor) -> Result<Shape, RunError> {
        let cannot = || invalid(format!("shape {} cannot become {:?}", input.shape(), self.shape));
        self.resolve(input).filter(|shape| shape.element_count() == Some(input.len())).ok_or_else(cannot)
    }

    fn resolve(&self, input: &Tensor) -> Option<Shape> {
        let old = input.shape();
        let length = |(axis, &length): (usize, &i64)| match usize::try_from(length) {
            Ok(0) if !self.zero_is_length => old.get(axis).copied(),
            Ok(length) => Some(length),
            Err(_) => Some(1),
        };
        let mut lengths: Vec<usize> = self.shape.iter().enumerate().map(length).collect::<Option<_>>()?;
        if let Some(axis) = self.shape.iter().position(|&length| length == -1) {
            let known = Shape::new(lengths.iter().copied()).element_count()?;
            lengths[axis] = input.len().checked_div(known)?;
        }
        Some(Shape::new(lengths))
    }
}

impl Kernel for Reshape {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = match &self.shape {
            Some(shape) => shape.of(input)?,
            None => NewShape::checked(elements(inputs.get(1)?)?.to_vec(), self.zero_is_length)?.of(input)?,
        };
        room(&shape, input.dtype())?;
        outputs.push(input.clone().reshape(shape).map_err(|error| RunError::Failed(error.to_string()))?);
        Ok(())
    }
}

pub(super) fn prepare_concat(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let first = &inputs[0];
    for input in inputs {
        input.expect(&[first.dtype], node)?;
    }
    let axis = match node.int("axis")? {
        Some(axis) => axis,
        // The default of the first three operator sets.
        None if node.version() < 4 => 1,
        None => return Err(node.corrupt("no attribute 'axis'")),
    };
    let ranks = inputs.iter().map(Value::rank);
    let ranks: Option<Vec<usize>> = ranks.collect();
    if ranks.is_some_and(|ranks| ranks.iter().any(|&rank| rank != ranks[0])) {
        return Err(node.corrupt("inputs of different rank"));
    }
    let ranked = inputs.iter().find(|input| input.rank().is_some()).unwrap_or(first);
    let at = known_axis(axis, ranked, node)?;
    let dims = at.and_then(|at| concatenated_dims(inputs, at));
    let output = Value::new(first.dtype, dims).with_rows(at.map_or(Rows::Mixed, |at| concatenated_rows(inputs, at)));
    Ok(Prepared { kernel: Box::new(Concat { axis }), outputs: vec![output] })
}

fn concatenated_dims(inputs: &[Value], axis: usize) -> Option<Vec<Dim>> {
    let mut dims = inputs.iter().find_map(|input| input.dims.clone())?;
    let lengths = inputs.iter().map(|input| match input.dims.as_ref()?.get(axis)? {
        Dim::Fixed(length) => Some(*length),
        Dim::Dynamic(_) => None,
    });
    let total = lengths.into_iter().try_fold(0_usize, |total, length| total.checked_add(length?));
    dims[axis] = total.map_or(Dim::ANY, Dim::Fixed);
    Some(dims)
}

/// Rows stay apart if all inputs have theirs along the same axis and another one is joined. Rows behind rows are no
/// longer the rows of one request.
fn concatenated_rows(inputs: &[Value], axis: usize) -> Rows {
    match inputs[0].rows() {
        rows @ (Rows::Along(_) | Rows::Absent) if rows != Rows::Along(axis) => {
            if inputs.iter().all(|input| input.rows() == rows) { rows } else { Rows::Mixed }
        }
        _ => Rows::Mixed,
    }
}

impl Kernel for Concat {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let tensors: Vec<&Tensor> = inputs.iter().collect::<Result<_, _>>()?;
        let axis = axis_among(self.axis, tensors[0].shape().len())?;
        outputs.push(Joint { tensors, axis }.join()?);
        Ok(())
    }
}

impl Joint<'_> {
    fn join(&self) -> Result<Tensor, RunError> {
        let (dtype, shape) = (self.tensors[0].dtype(), self.shape()?);
        match room(&shape, dtype)? {
            // Without elements the other axes may be of any length, and no loop may run over them.
            0 => Tensor::zeros(dtype, shape).map_err(|error| RunError::Failed(error.to_string())),
            _ if dtype == DType::Bytes => self.join_strings(shape),
            _ => self.join_bytes(shape),
        }
    }

    fn shape(&self) -> Result<Shape, RunError> {
        let first = self.tensors[0].shape();
        let mut total = 0_usize;
        for tensor in &self.tensors {
            let shape = tensor.shape();
            let differs = |axis: usize| axis != self.axis && shape.get(axis) != first.get(axis);
            if shape.len() != first.len() || (0..first.len()).any(differs) {
                return Err(invalid(format!("shapes {first} and {shape} cannot be joined along axis {}", self.axis)));
            }
            total = total.saturating_add(shape[self.axis]);
        }
        let lengths = first.iter().enumerate().map(|(axis, &length)| if axis == self.axis { total } else { length });
        Ok(Shape::new(lengths))
    }

    /// Elements of a tensor that lie together from the axis inwards.
    fn run_length(&self, tensor: &Tensor) -> usize {
        tensor.shape()[self.axis..].iter().product()
    }

    fn runs(&self, shape: &Shape) -> usize {
        shape[..self.axis].iter().product()
    }

    fn join_strings(&self, shape: Shape) -> Result<Tensor, RunError> {
        let mut joined: Vec<Bytes> = Vec::new();
        for run in 0..self.runs(&shape) {
            for tensor in &self.tensors {
                let strings = tensor.as_strings().map_err(|error| RunError::Failed(error.to_string()))?;
                let length = self.run_length(tensor);
                joined.extend_from_slice(&strings[run * length..(run + 1) * length]);
            }
        }
        Tensor::from_strings(shape, joined).map_err(|error| RunError::Failed(error.to_string()))
    }

    fn join_bytes(&self, shape: Shape) -> Result<Tensor, RunError> {
        let dtype = self.tensors[0].dtype();
        let size = dtype.size().unwrap_or(1);
        let mut joined = BytesMut::with_capacity(self.tensors.iter().map(|tensor| tensor.byte_len()).sum());
        for run in 0..self.runs(&shape) {
            for tensor in &self.tensors {
                let Some(bytes) = tensor.as_bytes() else { continue };
                let length = self.run_length(tensor) * size;
                joined.extend_from_slice(&bytes[run * length..(run + 1) * length]);
            }
        }
        Tensor::from_bytes(dtype, shape, joined.freeze()).map_err(|error| RunError::Failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::testing::{Value::Int, int64_tensor, node};
    use crate::tabular::testing::{Case, floats, run};

    fn reshape(shape: &[i64], axes: &[&str]) -> Case {
        let length = i64::try_from(shape.len()).unwrap();
        Case::new(node("Reshape", &["x", "s"], &["y"]), axes).initializer(int64_tensor("s", &[length], shape))
    }

    #[test]
    fn a_new_shape_shares_the_elements() {
        let input = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let output = reshape(&[-1, 1], &["2", "3"]).run(input.clone());
        assert_eq!(output[0].shape(), &Shape::new([6, 1]));
        assert_eq!(output[0].as_bytes().unwrap().as_ptr(), input.as_bytes().unwrap().as_ptr());
        assert_eq!(reshape(&[0, -1, 1], &["", "3"]).run(input.clone())[0].shape(), &Shape::new([2, 3, 1]));
        let error = reshape(&[4, -1], &["", "3"]).run_error(input).to_string();
        assert!(error.ends_with("shape [2,3] cannot become [4, -1]"), "{error}");
    }

    #[test]
    fn rows_are_kept_only_where_they_are_sure_to_be_rows() {
        let output =
            |shape: &[i64], axes: &[&str]| reshape(shape, axes).load().unwrap().signature().outputs[0].to_string();
        assert_eq!(output(&[-1], &["batch", "1"]), "FP32 [batch]");
        assert_eq!(output(&[-1, 2, 2], &["batch", "4"]), "FP32 [batch,2,2]");
        assert_eq!(output(&[0, 4], &["batch", "4"]), "FP32 [batch,4]");
        assert_eq!(output(&[-1], &["batch", "4"]), "FP32 [...]");
        assert_eq!(output(&[1, -1], &["batch", "4"]), "FP32 [1,?]");
    }

    #[test]
    fn tensors_are_joined_along_an_axis() {
        let join = |axis: i64| node("Concat", &["x", "x"], &["y"]).with("axis", Int(axis));
        let input = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let columns = floats(&[2, 4], &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(run(join(1), input.clone())[0], columns);
        assert_eq!(run(join(-1), input.clone())[0], columns);
        assert_eq!(run(join(0), input)[0], floats(&[4, 2], &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]));
        assert_eq!(run(join(1), floats(&[1 << 40, 0], &[]))[0].shape(), &Shape::new([1 << 40, 0]));
    }

    #[test]
    fn inputs_that_do_not_fit_together_are_refused() {
        let case = |axes: &[&str]| {
            Case::new(node("Concat", &["x", "c"], &["y"]).with("axis", Int(1)), axes)
                .initializer(crate::onnx::testing::float_tensor("c", &[2, 1], &[7.0, 8.0]))
        };
        let input = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(case(&["", "2"]).run(input)[0], floats(&[2, 3], &[1.0, 2.0, 7.0, 3.0, 4.0, 8.0]));
        let error = case(&["", "2"]).run_error(floats(&[1, 2], &[1.0, 2.0])).to_string();
        assert!(error.ends_with("shapes [1,2] and [2,1] cannot be joined along axis 1"), "{error}");
        let error = case(&["", "2", "2"]).load().unwrap_err();
        assert!(error.detail().ends_with("inputs of different rank"), "{error}");
    }

    #[test]
    fn strings_are_joined_as_well() {
        let input = Tensor::from_strings(Shape::new([2, 1]), vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let output = run(node("Concat", &["x", "x"], &["y"]).with("axis", Int(1)), input);
        assert_eq!(output[0].as_strings().unwrap(), ["a", "a", "b", "b"]);
    }
}
