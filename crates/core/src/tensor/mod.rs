//! Tensors: a dtype, a shape, and elements in a shared buffer.
//!
//! Elements are row-major and, in memory as on the wire, little-endian. Cloning a tensor or taking some of its rows
//! shares the buffer; nothing is copied.

mod buffer;
mod dtype;
mod element;
pub mod raw;
mod shape;

use std::ops::Range;

use bytes::Bytes;

pub use self::buffer::Strings;
pub use self::dtype::{DType, UnknownDType};
pub use self::element::Element;
pub use self::shape::{MAX_RANK, Shape};

#[cfg(target_endian = "big")]
compile_error!("loadonce keeps tensors in wire order, which is little-endian; big-endian machines are not supported");

/// Elements of one dtype, arranged in a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    dtype: DType,
    shape: Shape,
    data: Data,
}

#[derive(Clone, Debug, PartialEq)]
enum Data {
    /// Elements of a fixed size, aligned for their dtype.
    Fixed(Bytes),
    /// `BYTES` elements.
    Strings(Strings),
}

/// Why elements and a shape do not make a tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The shape asks for another number of elements.
    #[error("shape {shape} holds {expected} elements, got {got}")]
    ElementCount {
        /// The shape as given.
        shape: Shape,
        /// Its number of elements.
        expected: usize,
        /// The number of elements that came.
        got: usize,
    },
    /// The byte count is not what dtype and shape ask for.
    #[error("shape {shape} of {dtype} takes {expected} bytes, got {got}")]
    ByteCount {
        /// The element type.
        dtype: DType,
        /// The shape as given.
        shape: Shape,
        /// Its size in bytes.
        expected: usize,
        /// The number of bytes that came.
        got: usize,
    },
    /// The number of elements or bytes does not fit in memory's address range.
    #[error("shape {0} is too large to address")]
    TooLarge(Shape),
    /// A `BOOL` byte is neither 0 nor 1.
    #[error("element {index} of a BOOL tensor is {value}, expected 0 or 1")]
    NotBool {
        /// Flat index of the element.
        index: usize,
        /// Its byte.
        value: u8,
    },
    /// The tensor holds another dtype than the one asked for.
    #[error("expected a tensor of {expected}, got {got}")]
    WrongDType {
        /// What the caller asked for.
        expected: DType,
        /// What the tensor holds.
        got: DType,
    },
}

impl Tensor {
    /// A tensor over `elements` in row-major order; the vector becomes the buffer, nothing is copied.
    ///
    /// ```
    /// use loadonce_core::{Shape, Tensor};
    ///
    /// let tensor = Tensor::from_vec(Shape::new([2, 2]), vec![1.0_f32, 2.0, 3.0, 4.0])?;
    /// assert_eq!(tensor.as_slice::<f32>()?[3], 4.0);
    /// # Ok::<(), loadonce_core::TensorError>(())
    /// ```
    pub fn from_vec<T: Element>(shape: Shape, elements: Vec<T>) -> Result<Self, TensorError> {
        check_count(&shape, elements.len())?;
        Ok(Self { dtype: T::DTYPE, shape, data: Data::Fixed(T::into_bytes(elements)) })
    }

    /// A tensor over raw little-endian, row-major bytes of a fixed-size dtype (the Open Inference Protocol's raw form).
    ///
    /// The buffer is shared when it is aligned for the dtype and copied once otherwise.
    pub fn from_bytes(dtype: DType, shape: Shape, bytes: Bytes) -> Result<Self, TensorError> {
        let Some(size) = dtype.size() else {
            return Err(TensorError::WrongDType { expected: DType::Uint8, got: dtype });
        };
        let count = shape.element_count().ok_or_else(|| TensorError::TooLarge(shape.clone()))?;
        let expected = count.checked_mul(size).ok_or_else(|| TensorError::TooLarge(shape.clone()))?;
        if bytes.len() != expected {
            return Err(TensorError::ByteCount { dtype, shape, expected, got: bytes.len() });
        }
        if dtype == DType::Bool {
            check_bools(&bytes)?;
        }
        Ok(Self { dtype, shape, data: Data::Fixed(buffer::aligned(bytes, size)) })
    }

    /// A tensor of `BYTES` elements.
    pub fn from_strings(shape: Shape, strings: impl Into<Strings>) -> Result<Self, TensorError> {
        let strings = strings.into();
        check_count(&shape, strings.len())?;
        Ok(Self { dtype: DType::Bytes, shape, data: Data::Strings(strings) })
    }

    /// A tensor of zeros; of empty strings for `BYTES`.
    pub fn zeros(dtype: DType, shape: Shape) -> Result<Self, TensorError> {
        let count = shape.element_count().ok_or_else(|| TensorError::TooLarge(shape.clone()))?;
        let Some(size) = dtype.size() else {
            return Self::from_strings(shape, vec![Bytes::new(); count]);
        };
        let length = count.checked_mul(size).ok_or_else(|| TensorError::TooLarge(shape.clone()))?;
        Self::from_bytes(dtype, shape, Bytes::from(vec![0; length]))
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Fixed(bytes) => bytes.len() / self.dtype.size().unwrap_or(1),
            Data::Strings(strings) => strings.len(),
        }
    }

    /// Whether the tensor has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, if the tensor holds `T`.
    pub fn as_slice<T: Element>(&self) -> Result<&[T], TensorError> {
        let wrong = TensorError::WrongDType { expected: T::DTYPE, got: self.dtype };
        match &self.data {
            Data::Fixed(bytes) if self.dtype == T::DTYPE => T::view(bytes).ok_or(wrong),
            _ => Err(wrong),
        }
    }

    /// The elements of a `BYTES` tensor.
    pub fn as_strings(&self) -> Result<&[Bytes], TensorError> {
        match &self.data {
            Data::Strings(strings) => Ok(strings),
            Data::Fixed(_) => Err(TensorError::WrongDType { expected: DType::Bytes, got: self.dtype }),
        }
    }

    /// The raw little-endian bytes of a fixed-size dtype; `None` for `BYTES`.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.data {
            Data::Fixed(bytes) => Some(bytes),
            Data::Strings(_) => None,
        }
    }

    /// Bytes that the elements take in memory.
    pub fn byte_len(&self) -> usize {
        match &self.data {
            Data::Fixed(bytes) => bytes.len(),
            Data::Strings(strings) => strings.iter().map(Bytes::len).sum(),
        }
    }

    /// The same elements in another shape of as many elements.
    pub fn reshape(self, shape: Shape) -> Result<Self, TensorError> {
        check_count(&shape, self.len())?;
        Ok(Self { shape, ..self })
    }

    /// Some rows (entries of the first axis) as a tensor that shares this one's buffer.
    ///
    /// # Panics
    /// If the tensor is a scalar or the range lies outside of its rows.
    #[must_use]
    pub fn rows(&self, range: Range<usize>) -> Self {
        let rows = self.shape.first().copied().expect("a scalar has no rows");
        let per_row = self.len().checked_div(rows).unwrap_or(0);
        let elements = range.start * per_row..range.end * per_row;
        let data = match &self.data {
            Data::Fixed(bytes) => {
                let size = self.dtype.size().unwrap_or(1);
                Data::Fixed(bytes.slice(elements.start * size..elements.end * size))
            }
            Data::Strings(strings) => Data::Strings(strings.slice(elements)),
        };
        Self { dtype: self.dtype, shape: self.shape.with_first(range.len()), data }
    }

    /// Whether the rows of both can stand in one tensor: the same dtype and axes but for the first.
    pub fn has_rows_like(&self, other: &Self) -> bool {
        self.dtype == other.dtype
            && self.shape.len() == other.shape.len()
            && !self.shape.is_empty()
            && self.shape[1..] == other.shape[1..]
    }

    /// The rows of all, one tensor after the other, copied once; `None` of no tensors, and of tensors whose rows are not
    /// alike ([`Tensor::has_rows_like`]).
    pub fn concat(tensors: &[&Self]) -> Option<Self> {
        let first = *tensors.first()?;
        if !tensors.iter().all(|tensor| tensor.has_rows_like(first)) {
            return None;
        }
        let rows = tensors.iter().map(|tensor| tensor.shape[0]).sum();
        let data = match first.data {
            Data::Fixed(_) => Data::Fixed(buffer::joined(tensors.iter().filter_map(|tensor| tensor.as_bytes()))),
            Data::Strings(_) => {
                let strings = tensors.iter().flat_map(|tensor| tensor.as_strings().unwrap_or_default());
                Data::Strings(strings.cloned().collect::<Vec<_>>().into())
            }
        };
        Some(Self { dtype: first.dtype, shape: first.shape.with_first(rows), data })
    }
}

fn check_count(shape: &Shape, got: usize) -> Result<(), TensorError> {
    let expected = shape.element_count().ok_or_else(|| TensorError::TooLarge(shape.clone()))?;
    if expected == got {
        return Ok(());
    }
    Err(TensorError::ElementCount { shape: shape.clone(), expected, got })
}

fn check_bools(bytes: &[u8]) -> Result<(), TensorError> {
    match bytes.iter().enumerate().find(|(_, byte)| **byte > 1) {
        None => Ok(()),
        Some((index, &value)) => Err(TensorError::NotBool { index, value }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_vector_becomes_the_buffer_without_a_copy() {
        let elements = vec![1_i64, -2, 3];
        let address = elements.as_ptr();
        let tensor = Tensor::from_vec(Shape::new([3]), elements).unwrap();
        assert_eq!(tensor.as_slice::<i64>().unwrap().as_ptr(), address);
    }

    #[test]
    fn aligned_bytes_are_shared_and_unaligned_bytes_are_copied_once() {
        let source = f64::into_bytes(vec![1.0, 2.0, 3.0]);
        let shared = Tensor::from_bytes(DType::Fp64, Shape::new([3]), source.clone()).unwrap();
        assert_eq!(shared.as_bytes().unwrap().as_ptr(), source.as_ptr());

        let padded = Bytes::from([&[0; 8][..], &source].concat());
        let odd = (0..8).find(|start| padded[*start..].as_ptr().align_offset(8) == 7).unwrap();
        let bytes = padded.slice(odd..odd + source.len());
        let copied = Tensor::from_bytes(DType::Fp64, Shape::new([3]), bytes.clone()).unwrap();
        assert_ne!(copied.as_bytes().unwrap().as_ptr(), bytes.as_ptr());
        assert_eq!(copied.as_bytes().unwrap(), &bytes);
    }

    #[test]
    fn counts_are_checked() {
        let error = Tensor::from_vec(Shape::new([2, 2]), vec![1_u8; 3]).unwrap_err();
        assert_eq!(error.to_string(), "shape [2,2] holds 4 elements, got 3");
        let error = Tensor::from_bytes(DType::Fp32, Shape::new([2]), Bytes::from_static(b"1234567")).unwrap_err();
        assert_eq!(error.to_string(), "shape [2] of FP32 takes 8 bytes, got 7");
        let huge = Shape::new([usize::MAX, 2]);
        assert_eq!(Tensor::zeros(DType::Fp32, huge.clone()).unwrap_err(), TensorError::TooLarge(huge));
    }

    #[test]
    fn a_bool_is_zero_or_one() {
        let error = Tensor::from_bytes(DType::Bool, Shape::new([2]), Bytes::from_static(&[1, 2])).unwrap_err();
        assert_eq!(error, TensorError::NotBool { index: 1, value: 2 });
        let tensor = Tensor::from_vec(Shape::new([2]), vec![true, false]).unwrap();
        assert_eq!(tensor.as_slice::<bool>().unwrap(), [true, false]);
    }

    #[test]
    fn another_dtype_is_refused() {
        let tensor = Tensor::from_vec(Shape::new([1]), vec![1_i32]).unwrap();
        let error = tensor.as_slice::<f32>().unwrap_err();
        assert_eq!(error.to_string(), "expected a tensor of FP32, got INT32");
        assert!(tensor.as_strings().is_err());
    }

    #[test]
    fn a_scalar_and_an_empty_tensor_have_one_and_no_elements() {
        assert_eq!(Tensor::from_vec(Shape::scalar(), vec![7_u16]).unwrap().len(), 1);
        assert!(Tensor::from_vec::<f32>(Shape::new([0, 4]), vec![]).unwrap().is_empty());
    }

    #[test]
    fn rows_that_are_not_alike_are_not_joined() {
        let of = |shape: [usize; 2]| Tensor::zeros(DType::Fp32, Shape::new(shape)).unwrap();
        assert_eq!(Tensor::concat(&[&of([1, 2]), &of([3, 2])]), Some(of([4, 2])));
        assert_eq!(Tensor::concat(&[&of([1, 2]), &of([1, 3])]), None);
        assert_eq!(Tensor::concat(&[&of([1, 2]), &Tensor::zeros(DType::Int32, Shape::new([1, 2])).unwrap()]), None);
        let scalar = Tensor::zeros(DType::Fp32, Shape::scalar()).unwrap();
        assert_eq!(Tensor::concat(&[&scalar, &scalar]), None);
        assert_eq!(Tensor::concat(&[]), None);
    }

    proptest! {
        #[test]
        fn parts_joined_are_the_whole(lengths in prop::collection::vec(0_usize..4, 1..6), columns in 0_usize..4, text in any::<bool>()) {
            let rows: usize = lengths.iter().sum();
            let shape = Shape::new([rows, columns]);
            let count = u16::try_from(rows * columns).unwrap();
            let whole = if text {
                Tensor::from_strings(shape, (0..count).map(|number| number.to_string()).collect::<Vec<_>>()).unwrap()
            } else {
                Tensor::from_vec(shape, (0..count).collect()).unwrap()
            };
            let mut start = 0;
            let parts: Vec<_> = lengths.iter().map(|length| {
                start += length;
                whole.rows(start - length..start)
            }).collect();
            prop_assert_eq!(Tensor::concat(&parts.iter().collect::<Vec<_>>()), Some(whole));
        }

        #[test]
        fn rows_equal_the_elements_of_those_rows(rows in 1_usize..6, columns in 0_usize..4, from in 0_usize..6, to in 0_usize..6) {
            let (from, to) = (from.min(to).min(rows), to.max(from).min(rows));
            let elements: Vec<u32> = (0..u32::try_from(rows * columns).unwrap()).collect();
            let tensor = Tensor::from_vec(Shape::new([rows, columns]), elements.clone()).unwrap();
            let part = tensor.rows(from..to);
            prop_assert_eq!(part.shape(), &Shape::new([to - from, columns]));
            prop_assert_eq!(part.as_slice::<u32>().unwrap(), &elements[from * columns..to * columns]);
        }
    }
}
