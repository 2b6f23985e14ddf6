//! Tensors to JSON: full integers, shortest floats that read back exactly, and never an invalid token.
//!
//! NaN and the infinities, which JSON does not have (RFC 8259, section 6), are the strings `"NaN"`, `"Infinity"` and
//! `"-Infinity"`, as in the JSON mapping of Protocol Buffers version 3.

use std::ops::Range;

use bytes::Bytes;
use half::{bf16, f16};
use loadonce_core::{DType, Element, Tensor};

use super::WireError;

/// Writes elements of a tensor, separated by commas.
pub(crate) fn write_elements(
    out: &mut Vec<u8>,
    name: &str,
    tensor: &Tensor,
    range: Range<usize>,
) -> Result<(), WireError> {
    match tensor.dtype() {
        DType::Bool => fixed::<bool>(out, tensor, range, scalar),
        DType::Uint8 => fixed::<u8>(out, tensor, range, scalar),
        DType::Uint16 => fixed::<u16>(out, tensor, range, scalar),
        DType::Uint32 => fixed::<u32>(out, tensor, range, scalar),
        DType::Uint64 => fixed::<u64>(out, tensor, range, scalar),
        DType::Int8 => fixed::<i8>(out, tensor, range, scalar),
        DType::Int16 => fixed::<i16>(out, tensor, range, scalar),
        DType::Int32 => fixed::<i32>(out, tensor, range, scalar),
        DType::Int64 => fixed::<i64>(out, tensor, range, scalar),
        DType::Fp16 => fixed::<f16>(out, tensor, range, |out, value| float(out, f32::from(value))),
        DType::Bf16 => fixed::<bf16>(out, tensor, range, |out, value| float(out, f32::from(value))),
        DType::Fp32 => fixed::<f32>(out, tensor, range, float),
        DType::Fp64 => fixed::<f64>(out, tensor, range, float),
        DType::Bytes => return strings(out, name, tensor, range),
    }
    Ok(())
}

/// Bytes that a tensor's elements may take; most take less, and only strings with escapes more.
pub(crate) fn room(tensor: &Tensor) -> usize {
    let comma = 1;
    let each = match tensor.dtype() {
        DType::Bool | DType::Uint16 => 5,
        DType::Uint8 => 3,
        DType::Int8 => 4,
        DType::Int16 => 6,
        DType::Uint32 | DType::Int32 => 11,
        DType::Fp16 | DType::Bf16 | DType::Fp32 => 14,
        DType::Uint64 | DType::Int64 => 20,
        DType::Fp64 => 24,
        DType::Bytes => return tensor.byte_len() + tensor.len() * (2 + comma),
    };
    tensor.len() * (each + comma)
}

/// Writes arrays nested like `axes` around the elements of `range`, which `write` writes with commas between them; a
/// scalar without any.
pub(crate) fn write_nested<E>(
    out: &mut Vec<u8>,
    axes: &[usize],
    range: Range<usize>,
    write: &impl Fn(&mut Vec<u8>, Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let [length, inner @ ..] = axes else { return write(out, range) };
    out.push(b'[');
    if inner.is_empty() {
        write(out, range)?;
    } else {
        let step = range.len().checked_div(*length).unwrap_or(0);
        for position in 0..*length {
            separate(out, position);
            let start = range.start + position * step;
            write_nested(out, inner, start..start + step, write)?;
        }
    }
    out.push(b']');
    Ok(())
}

fn fixed<T: Element>(out: &mut Vec<u8>, tensor: &Tensor, range: Range<usize>, write: impl Fn(&mut Vec<u8>, T)) {
    let elements = tensor.as_slice::<T>().unwrap_or_default();
    for (position, element) in elements[range].iter().enumerate() {
        separate(out, position);
        write(out, *element);
    }
}

fn strings(out: &mut Vec<u8>, name: &str, tensor: &Tensor, range: Range<usize>) -> Result<(), WireError> {
    let strings: &[Bytes] = tensor.as_strings().unwrap_or_default();
    for (position, string) in strings[range.clone()].iter().enumerate() {
        separate(out, position);
        let text = str::from_utf8(string)
            .map_err(|_| WireError::NotUtf8 { output: name.to_owned(), index: range.start + position })?;
        scalar(out, text);
    }
    Ok(())
}

/// Writes a float as the shortest text that reads back to it.
pub(crate) fn float<T: Into<f64> + serde::Serialize + Copy>(out: &mut Vec<u8>, value: T) {
    let double: f64 = value.into();
    if double.is_finite() {
        scalar(out, value);
    } else if double.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if double > 0.0 {
        out.extend_from_slice(b"\"Infinity\"");
    } else {
        out.extend_from_slice(b"\"-Infinity\"");
    }
}

/// Writes anything that serde can write; writing to memory does not fail.
pub(crate) fn scalar<T: serde::Serialize>(out: &mut Vec<u8>, value: T) {
    let written = serde_json::to_writer(out, &value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// An object of these names and values, which are JSON.
pub(crate) fn write_object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let field = |(name, value)| format!("{}:{value}", serde_json::Value::from(name));
    format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
}

/// A comma before all but the first element of a list.
pub(crate) fn separate(out: &mut Vec<u8>, position: usize) {
    if position > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::Shape;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::parse_pieces;

    fn nested(tensor: &Tensor) -> String {
        let mut out = Vec::new();
        let write = |out: &mut Vec<u8>, range| write_elements(out, "y", tensor, range);
        write_nested(&mut out, tensor.shape(), 0..tensor.len(), &write).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn arrays_are_nested_like_the_shape() {
        let tensor = Tensor::from_vec(Shape::new([2, 1, 2]), vec![1, 2, 3, 4]).unwrap();
        assert_eq!(nested(&tensor), "[[[1,2]],[[3,4]]]");
        assert_eq!(nested(&Tensor::from_vec(Shape::scalar(), vec![1.5_f32]).unwrap()), "1.5");
        assert_eq!(nested(&Tensor::zeros(DType::Fp32, Shape::new([2, 0])).unwrap()), "[[],[]]");
    }

    #[test]
    fn numbers_keep_every_bit_and_nan_is_valid_json() {
        let integers = Tensor::from_vec(Shape::new([2]), vec![u64::MAX, 1 << 53]).unwrap();
        assert_eq!(nested(&integers), "[18446744073709551615,9007199254740992]");
        let floats = [0.1_f32, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0];
        let floats = Tensor::from_vec(Shape::new([5]), floats.to_vec()).unwrap();
        assert_eq!(nested(&floats), "[0.1,\"NaN\",\"Infinity\",\"-Infinity\",-0.0]");
    }

    #[test]
    fn a_string_that_is_not_text_is_an_error_that_names_it() {
        let strings = vec![Bytes::from_static(b"ok"), Bytes::from_static(b"\xff")];
        let tensor = Tensor::from_strings(Shape::new([2]), strings).unwrap();
        let error = write_elements(&mut Vec::new(), "y", &tensor, 0..2).unwrap_err();
        assert_eq!(error, WireError::NotUtf8 { output: "y".to_owned(), index: 1 });
    }

    proptest! {
        #[test]
        fn floats_read_back_exactly(singles in proptest::collection::vec(any::<f32>(), 1..20), doubles in proptest::collection::vec(any::<f64>(), 1..20)) {
            let tensor = Tensor::from_vec(Shape::new([singles.len()]), singles).unwrap();
            let back = parse_pieces(DType::Fp32, &[], &[&nested(&tensor)]).unwrap();
            let bits = |tensor: &Tensor| tensor.as_slice::<f32>().unwrap().iter().map(|value| if value.is_nan() { 0 } else { value.to_bits() }).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&tensor));
            let tensor = Tensor::from_vec(Shape::new([doubles.len()]), doubles).unwrap();
            let back = parse_pieces(DType::Fp64, &[], &[&nested(&tensor)]).unwrap();
            let bits = |tensor: &Tensor| tensor.as_slice::<f64>().unwrap().iter().map(|value| if value.is_nan() { 0 } else { value.to_bits() }).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&tensor));
        }
    }
}
