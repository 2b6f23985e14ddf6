//! Tensors in typed form: each datatype in its field of `InferTensorContents`, FP16 and BF16 in none.

use std::fmt::Display;

use loadonce_core::{DType, Element, Shape, Tensor};

use super::proto::InferTensorContents;
use crate::wire::WireError;

/// The field that a datatype belongs in.
fn field_of(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::Bool => Some("bool_contents"),
        DType::Int8 | DType::Int16 | DType::Int32 => Some("int_contents"),
        DType::Int64 => Some("int64_contents"),
        DType::Uint8 | DType::Uint16 | DType::Uint32 => Some("uint_contents"),
        DType::Uint64 => Some("uint64_contents"),
        DType::Fp32 => Some("fp32_contents"),
        DType::Fp64 => Some("fp64_contents"),
        DType::Bytes => Some("bytes_contents"),
        DType::Fp16 | DType::Bf16 => None,
    }
}

/// Whether a datatype can be in typed form.
pub(super) fn has_field(dtype: DType) -> bool {
    field_of(dtype).is_some()
}

/// The fields that have elements, and how many.
pub(super) fn used(contents: &InferTensorContents) -> impl Iterator<Item = (&'static str, usize)> {
    let counts = [
        ("bool_contents", contents.bool_contents.len()),
        ("int_contents", contents.int_contents.len()),
        ("int64_contents", contents.int64_contents.len()),
        ("uint_contents", contents.uint_contents.len()),
        ("uint64_contents", contents.uint64_contents.len()),
        ("fp32_contents", contents.fp32_contents.len()),
        ("fp64_contents", contents.fp64_contents.len()),
        ("bytes_contents", contents.bytes_contents.len()),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0)
}

/// Reads the typed form. Elements that are as wide on the wire become the tensor's buffer.
pub(super) fn decode(dtype: DType, shape: Shape, contents: InferTensorContents) -> Result<Tensor, WireError> {
    let Some(field) = field_of(dtype) else {
        return Err(WireError::form(".contents", format!("{dtype} has no typed form, send it in raw_input_contents")));
    };
    if let Some((other, count)) = used(&contents).find(|(other, _)| *other != field) {
        let detail = format!("has {count} elements, but {dtype} belongs in {field}");
        return Err(WireError::form(format!(".contents.{other}"), detail));
    }
    let tensor = match dtype {
        DType::Bool => Tensor::from_vec(shape, contents.bool_contents),
        DType::Int8 => Tensor::from_vec(shape, narrow::<_, i8>(field, &contents.int_contents)?),
        DType::Int16 => Tensor::from_vec(shape, narrow::<_, i16>(field, &contents.int_contents)?),
        DType::Int32 => Tensor::from_vec(shape, contents.int_contents),
        DType::Int64 => Tensor::from_vec(shape, contents.int64_contents),
        DType::Uint8 => Tensor::from_vec(shape, narrow::<_, u8>(field, &contents.uint_contents)?),
        DType::Uint16 => Tensor::from_vec(shape, narrow::<_, u16>(field, &contents.uint_contents)?),
        DType::Uint32 => Tensor::from_vec(shape, contents.uint_contents),
        DType::Uint64 => Tensor::from_vec(shape, contents.uint64_contents),
        DType::Fp64 => Tensor::from_vec(shape, contents.fp64_contents),
        DType::Bytes => Tensor::from_strings(shape, contents.bytes_contents),
        // The two halves have no field, so what is left is FP32.
        DType::Fp32 | DType::Fp16 | DType::Bf16 => Tensor::from_vec(shape, contents.fp32_contents),
    };
    tensor.map_err(|error| WireError::form(format!(".contents.{field}"), error.to_string()))
}

/// Elements of a narrower dtype than that of their field.
fn narrow<W: Copy + Display, E: Element + TryFrom<W>>(field: &str, wide: &[W]) -> Result<Vec<E>, WireError> {
    let element = |(position, wide): (usize, &W)| {
        let wrong = |_| {
            let detail = format!("expected {}, got {wide}", E::DTYPE);
            WireError::form(format!(".contents.{field}[{position}]"), detail)
        };
        E::try_from(*wide).map_err(wrong)
    };
    wide.iter().enumerate().map(element).collect()
}

/// Writes the typed form; nothing for a dtype that has none.
pub(super) fn encode(tensor: &Tensor) -> InferTensorContents {
    let mut contents = InferTensorContents::default();
    match tensor.dtype() {
        DType::Bool => contents.bool_contents = widen(tensor, |element: bool| element),
        DType::Int8 => contents.int_contents = widen(tensor, i32::from as fn(i8) -> i32),
        DType::Int16 => contents.int_contents = widen(tensor, i32::from as fn(i16) -> i32),
        DType::Int32 => contents.int_contents = widen(tensor, |element: i32| element),
        DType::Int64 => contents.int64_contents = widen(tensor, |element: i64| element),
        DType::Uint8 => contents.uint_contents = widen(tensor, u32::from as fn(u8) -> u32),
        DType::Uint16 => contents.uint_contents = widen(tensor, u32::from as fn(u16) -> u32),
        DType::Uint32 => contents.uint_contents = widen(tensor, |element: u32| element),
        DType::Uint64 => contents.uint64_contents = widen(tensor, |element: u64| element),
        DType::Fp32 => contents.fp32_contents = widen(tensor, |element: f32| element),
        DType::Fp64 => contents.fp64_contents = widen(tensor, |element: f64| element),
        DType::Bytes => contents.bytes_contents = tensor.as_strings().unwrap_or_default().to_vec(),
        DType::Fp16 | DType::Bf16 => (),
    }
    contents
}

fn widen<E: Element, W>(tensor: &Tensor, wide: impl Fn(E) -> W) -> Vec<W> {
    tensor.as_slice::<E>().unwrap_or_default().iter().copied().map(wide).collect()
}
