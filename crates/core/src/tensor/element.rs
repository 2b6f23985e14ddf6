//! Rust types that can be elements of a tensor.

use bytemuck::{CheckedBitPattern, NoUninit};
use bytes::Bytes;
use half::{bf16, f16};

use super::DType;
use super::buffer;

/// A Rust type with a fixed-size dtype. Sealed: the set of dtypes is the protocol's.
pub trait Element: sealed::Sealed + Copy + Default + PartialEq + Send + Sync + 'static {
    /// The dtype of this type.
    const DTYPE: DType;

    /// The vector's memory as shared bytes, without a copy.
    fn into_bytes(elements: Vec<Self>) -> Bytes;

    /// The bytes seen as elements; `None` if they are unaligned, cut short, or no valid element.
    fn view(bytes: &[u8]) -> Option<&[Self]>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($element:ty => $dtype:ident),* $(,)?) => {$(
        impl sealed::Sealed for $element {}

        impl Element for $element {
            const DTYPE: DType = DType::$dtype;

            fn into_bytes(elements: Vec<Self>) -> Bytes {
                shared(elements)
            }

            fn view(bytes: &[u8]) -> Option<&[Self]> {
                checked(bytes)
            }
        }
    )*};
}

elements! {
    bool => Bool,
    u8 => Uint8,
    u16 => Uint16,
    u32 => Uint32,
    u64 => Uint64,
    i8 => Int8,
    i16 => Int16,
    i32 => Int32,
    i64 => Int64,
    f16 => Fp16,
    bf16 => Bf16,
    f32 => Fp32,
    f64 => Fp64,
}

fn shared<T: NoUninit + Send + Sync>(elements: Vec<T>) -> Bytes {
    Bytes::from_owner(buffer::Elements(elements))
}

fn checked<T: CheckedBitPattern>(bytes: &[u8]) -> Option<&[T]> {
    if bytes.is_empty() {
        return Some(&[]);
    }
    bytemuck::checked::try_cast_slice(bytes).ok()
}
