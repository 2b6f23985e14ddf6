//! Constant tensors, wherever in the message their elements are.

use bytes::Bytes;
use loadonce_core::{DType, Element, Shape, Tensor};

use super::proto::{TensorProto, data_type};
use super::types;

impl TensorProto {
    /// The constant as a tensor of its own: it keeps no part of the file's buffer alive.
    ///
    /// The text of an error says what is wrong with the message: a negative or too large shape, another number of
    /// elements than the shape holds, an element type that loadonce does not have, or elements in another file.
    pub fn to_tensor(&self) -> Result<Tensor, String> {
        let data_type = self.data_type.unwrap_or(0);
        let dtype = types::dtype(data_type)
            .ok_or_else(|| format!("elements of {} are not supported", types::data_type_name(data_type)))?;
        if self.is_external() {
            let file = self.external_entry("location").unwrap_or("unnamed");
            return Err(format!("the elements are in another file ('{file}')"));
        }
        let shape = self.shape()?;
        if dtype == DType::Bytes {
            let strings: Vec<_> = self.string_data.iter().map(|text| Bytes::copy_from_slice(text)).collect();
            return Tensor::from_strings(shape, strings).map_err(|error| error.to_string());
        }
        match &self.raw_data {
            Some(raw) if !raw.is_empty() => {
                let own = Bytes::copy_from_slice(raw);
                Tensor::from_bytes(dtype, shape, own).map_err(|error| error.to_string())
            }
            _ => self.typed_elements(data_type, shape),
        }
    }

    /// The shape; its number of elements is known to be addressable.
    pub fn shape(&self) -> Result<Shape, String> {
        let lengths: Result<Vec<usize>, _> = self.dims.iter().map(|&length| usize::try_from(length)).collect();
        let shape = Shape::new(lengths.map_err(|_| format!("the shape {:?} has a negative axis", self.dims))?);
        match shape.element_count() {
            Some(_) => Ok(shape),
            None => Err(format!("shape {shape} is too large to address")),
        }
    }

    /// Bytes that the elements take, wherever they are; 0 where the message is inconsistent.
    pub fn element_bytes(&self) -> u64 {
        if self.data_type == Some(data_type::STRING) {
            return self.string_data.iter().map(|text| text.len() as u64).sum();
        }
        let size = types::dtype(self.data_type.unwrap_or(0)).and_then(DType::size);
        let count = self.shape().ok().and_then(|shape| shape.element_count());
        match (size, count) {
            (Some(size), Some(count)) => (count as u64).saturating_mul(size as u64),
            _ => self.raw_data.as_ref().map_or(0, |raw| raw.len() as u64),
        }
    }

    fn typed_elements(&self, data_type: i32, shape: Shape) -> Result<Tensor, String> {
        match data_type {
            data_type::FLOAT => elements(shape, self.float_data.iter().copied().map(Some)),
            data_type::DOUBLE => elements(shape, self.double_data.iter().copied().map(Some)),
            data_type::INT64 => elements(shape, self.int64_data.iter().copied().map(Some)),
            data_type::UINT64 => elements(shape, self.uint64_data.iter().copied().map(Some)),
            data_type::UINT32 => elements(shape, self.uint64_data.iter().map(|&value| u32::try_from(value).ok())),
            data_type::INT32 => elements(shape, self.int32_data.iter().copied().map(Some)),
            data_type::INT16 => elements(shape, self.int32_data.iter().map(|&value| i16::try_from(value).ok())),
            data_type::INT8 => elements(shape, self.int32_data.iter().map(|&value| i8::try_from(value).ok())),
            data_type::UINT16 => elements(shape, self.int32_data.iter().map(|&value| u16::try_from(value).ok())),
            data_type::UINT8 => elements(shape, self.int32_data.iter().map(|&value| u8::try_from(value).ok())),
            data_type::BOOL => elements(shape, self.int32_data.iter().map(|&value| truth(value))),
            _ => self.half_elements(data_type, shape),
        }
    }

    /// `FLOAT16` and `BFLOAT16` stand in `int32_data` as their bits.
    fn half_elements(&self, data_type: i32, shape: Shape) -> Result<Tensor, String> {
        let dtype = if data_type == data_type::FLOAT16 { DType::Fp16 } else { DType::Bf16 };
        let bits = self.int32_data.iter().map(|&value| u16::try_from(value).ok());
        let bits: Option<Vec<u16>> = bits.collect();
        let bytes = u16::into_bytes(bits.ok_or(OUT_OF_RANGE)?);
        Tensor::from_bytes(dtype, shape, bytes).map_err(|error| error.to_string())
    }
}

const OUT_OF_RANGE: &str = "an element does not fit its type";

fn elements<T: Element>(shape: Shape, values: impl Iterator<Item = Option<T>>) -> Result<Tensor, String> {
    let values: Option<Vec<T>> = values.collect();
    Tensor::from_vec(shape, values.ok_or(OUT_OF_RANGE)?).map_err(|error| error.to_string())
}

fn truth(value: i32) -> Option<bool> {
    match value {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(data_type: i32, dims: &[i64]) -> TensorProto {
        TensorProto { dims: dims.to_vec(), data_type: Some(data_type), ..TensorProto::default() }
    }

    #[test]
    fn elements_are_read_from_raw_bytes_and_from_every_typed_field() {
        let raw = Bytes::from_static(&[0, 0, 128, 63, 0, 0, 0, 64]);
        let tensor = TensorProto { raw_data: Some(raw), ..proto(data_type::FLOAT, &[2]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_slice::<f32>().unwrap(), [1.0, 2.0]);
        let tensor = TensorProto { float_data: vec![1.5], ..proto(data_type::FLOAT, &[]) }.to_tensor().unwrap();
        assert_eq!((tensor.as_slice::<f32>().unwrap(), tensor.shape()), (&[1.5_f32][..], &Shape::scalar()));
        let tensor = TensorProto { double_data: vec![1.5], ..proto(data_type::DOUBLE, &[1]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_slice::<f64>().unwrap(), [1.5]);
        let tensor = TensorProto { int64_data: vec![-7], ..proto(data_type::INT64, &[1]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_slice::<i64>().unwrap(), [-7]);
        let tensor = TensorProto { int32_data: vec![-7, 1], ..proto(data_type::INT8, &[2]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_slice::<i8>().unwrap(), [-7, 1]);
        let tensor = TensorProto { int32_data: vec![0, 1], ..proto(data_type::BOOL, &[2]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_slice::<bool>().unwrap(), [false, true]);
        let tensor = TensorProto { int32_data: vec![0x3c00], ..proto(data_type::FLOAT16, &[1]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_bytes().unwrap()[..], [0, 0x3c]);
        let strings = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let tensor = TensorProto { string_data: strings, ..proto(data_type::STRING, &[2]) }.to_tensor().unwrap();
        assert_eq!(tensor.as_strings().unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_shape_and_its_elements_must_agree() {
        let cases = [
            (proto(data_type::FLOAT, &[-1]), "the shape [-1] has a negative axis"),
            (proto(data_type::FLOAT, &[1 << 40]), "shape [1099511627776] holds 1099511627776 elements, got 0"),
            (
                proto(data_type::FLOAT, &[1 << 40, 1 << 40]),
                "shape [1099511627776,1099511627776] is too large to address",
            ),
            (proto(14, &[1]), "elements of complex64 are not supported"),
            (
                TensorProto { int32_data: vec![300], ..proto(data_type::UINT8, &[1]) },
                "an element does not fit its type",
            ),
            (
                TensorProto { data_location: Some(1), ..proto(data_type::FLOAT, &[1]) },
                "the elements are in another file ('unnamed')",
            ),
        ];
        for (tensor, expected) in cases {
            assert_eq!(tensor.to_tensor().unwrap_err(), expected);
        }
    }
}
