//! Tensors on their way into rten and out of it: without loss, or not at all.

use ::rten::{Value, ValueOrView, ValueView};
use loadonce_core::{DType, Element, RunError, Shape, Tensor, TensorSpec};
use rten_tensor::Layout;

/// A request's tensor as rten takes it; borrowed where rten has the dtype, converted to 32 bits where it does not.
pub(super) fn input<'a>(spec: &TensorSpec, tensor: &'a Tensor) -> Result<ValueOrView<'a>, RunError> {
    match tensor.dtype() {
        DType::Fp32 => view::<f32>(tensor),
        DType::Int32 => view::<i32>(tensor),
        DType::Int8 => view::<i8>(tensor),
        DType::Uint8 => view::<u8>(tensor),
        DType::Bool => owned(tensor, slice::<bool>(tensor)?.iter().map(|&value| i32::from(value)).collect()),
        DType::Int64 => owned(tensor, narrowed(spec, slice(tensor)?)?),
        other => Err(RunError::Failed(format!("rten has no {other}"))),
    }
}

fn narrowed(spec: &TensorSpec, values: &[i64]) -> Result<Vec<i32>, RunError> {
    let narrow = |&value: &i64| {
        i32::try_from(value).map_err(|_| {
            let name = &spec.name;
            RunError::InvalidInput(format!("input '{name}' holds {value}, but this engine computes with 32 bits"))
        })
    };
    values.iter().map(narrow).collect()
}

fn view<'a, T: Element>(tensor: &'a Tensor) -> Result<ValueOrView<'a>, RunError>
where
    ValueView<'a>: From<rten_tensor::TensorView<'a, T>>,
{
    let view = ValueView::from_shape(&**tensor.shape(), slice::<T>(tensor)?).map_err(|error| failed(&error))?;
    Ok(view.into())
}

fn owned(tensor: &Tensor, elements: Vec<i32>) -> Result<ValueOrView<'static>, RunError> {
    let value = Value::from_shape(&**tensor.shape(), elements).map_err(|error| failed(&error))?;
    Ok(value.into())
}

fn slice<T: Element>(tensor: &Tensor) -> Result<&[T], RunError> {
    tensor.as_slice().map_err(|error| failed(&error))
}

/// An answer of rten in the dtype that the model's file declares.
pub(super) fn output(spec: &TensorSpec, value: Value) -> Result<Tensor, RunError> {
    let shape = Shape::new(value.shape().iter().copied());
    let tensor = match (value, spec.dtype) {
        (Value::FloatTensor(tensor), DType::Fp32) => Tensor::from_vec(shape, tensor.into_data()),
        (Value::Int32Tensor(tensor), DType::Int32) => Tensor::from_vec(shape, tensor.into_data()),
        (Value::Int8Tensor(tensor), DType::Int8) => Tensor::from_vec(shape, tensor.into_data()),
        (Value::UInt8Tensor(tensor), DType::Uint8) => Tensor::from_vec(shape, tensor.into_data()),
        (Value::Int32Tensor(tensor), DType::Int64) => {
            Tensor::from_vec(shape, tensor.into_data().into_iter().map(i64::from).collect())
        }
        (Value::Int32Tensor(tensor), DType::Bool) => {
            Tensor::from_vec(shape, tensor.into_data().into_iter().map(|value| value != 0).collect())
        }
        (other, declared) => {
            let (name, got) = (&spec.name, other.dtype());
            return Err(RunError::Failed(format!(
                "output '{name}' came as {got}, the model's file declares {declared}"
            )));
        }
    };
    tensor.map_err(|error| failed(&error))
}

fn failed(error: &dyn std::error::Error) -> RunError {
    RunError::Failed(error.to_string())
}
