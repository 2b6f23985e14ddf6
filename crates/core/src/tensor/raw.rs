//! The raw form of tensors, in which they cross from one process to another (Triton's `extension_binary_data.md`, "Binary
//! Tensor Data"): little-endian, row-major, one byte for a `BOOL`, and for each element of `BYTES` its length in four bytes
//! before it.

use bytes::{Buf as _, Bytes};

use super::{DType, Shape, Tensor};

/// Reads the raw form. Elements of a fixed size share the buffer where they are aligned in it.
///
/// # Errors
/// What does not fit the dtype and shape, in words.
pub fn decode(dtype: DType, shape: Shape, bytes: Bytes) -> Result<Tensor, String> {
    let tensor = match dtype {
        DType::Bytes => {
            let strings = strings(bytes, &shape)?;
            Tensor::from_strings(shape, strings)
        }
        _ => Tensor::from_bytes(dtype, shape, bytes),
    };
    tensor.map_err(|error| error.to_string())
}

fn strings(mut bytes: Bytes, shape: &Shape) -> Result<Vec<Bytes>, String> {
    // Each takes four bytes at least, so that a shape cannot ask for more memory than was sent.
    let most = bytes.len() / LENGTH;
    let mut strings = Vec::with_capacity(shape.element_count().unwrap_or(0).min(most));
    while !bytes.is_empty() {
        let position = strings.len();
        if bytes.len() < LENGTH {
            return Err(format!("the length of string {position} is cut short"));
        }
        let length = bytes.get_u32_le() as usize;
        if length > bytes.len() {
            return Err(format!("string {position} is said to have {length} bytes, {} are left", bytes.len()));
        }
        strings.push(bytes.split_to(length));
    }
    Ok(strings)
}

/// Bytes of a string's length.
const LENGTH: usize = 4;

/// Writes the raw form.
pub fn encode(out: &mut Vec<u8>, tensor: &Tensor) {
    if let Some(bytes) = tensor.as_bytes() {
        out.extend_from_slice(bytes);
    }
    for string in tensor.as_strings().unwrap_or_default() {
        out.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(string);
    }
}

/// The raw form by itself; where the tensor has it in memory, that is shared.
pub fn to_bytes(tensor: &Tensor) -> Bytes {
    tensor.as_bytes().cloned().unwrap_or_else(|| {
        let mut bytes = Vec::with_capacity(length(tensor));
        encode(&mut bytes, tensor);
        bytes.into()
    })
}

/// Bytes that the raw form takes.
pub fn length(tensor: &Tensor) -> usize {
    match tensor.as_strings() {
        Ok(strings) => strings.iter().map(|string| LENGTH + string.len()).sum(),
        Err(_) => tensor.byte_len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strings_of(shape: &[usize], bytes: &'static [u8]) -> Result<Tensor, String> {
        decode(DType::Bytes, Shape::from(shape), Bytes::from_static(bytes))
    }

    #[test]
    fn strings_have_their_lengths_before_them() {
        let tensor = strings_of(&[3], b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0\xff").unwrap();
        assert_eq!(tensor.as_strings().unwrap(), [&b"ab"[..], b"", b"\xff"]);
        let mut out = Vec::new();
        encode(&mut out, &tensor);
        assert_eq!((out.as_slice(), length(&tensor)), (&b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0\xff"[..], 15));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert_eq!(strings_of(&[1], b"\x02\0\0").unwrap_err(), "the length of string 0 is cut short");
        assert_eq!(strings_of(&[1], b"\x02\0\0\0a").unwrap_err(), "string 0 is said to have 2 bytes, 1 are left");
        assert_eq!(strings_of(&[2], b"\0\0\0\0").unwrap_err(), "shape [2] holds 2 elements, got 1");
        let floats = decode(DType::Fp32, Shape::new([2]), Bytes::from_static(b"1234")).unwrap_err();
        assert_eq!(floats, "shape [2] of FP32 takes 8 bytes, got 4");
        assert!(decode(DType::Bool, Shape::new([1]), Bytes::from_static(b"\x02")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_tensor_or_an_error(dtype in proptest::sample::select(DType::ALL.to_vec()), axes in proptest::collection::vec(0_usize..5, 0..3), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let length_before = bytes.len();
            if let Ok(tensor) = decode(dtype, Shape::new(axes), bytes.clone().into()) {
                let mut out = Vec::new();
                encode(&mut out, &tensor);
                prop_assert_eq!(&out, &bytes);
                prop_assert_eq!(length(&tensor), length_before);
            }
        }
    }
}
