//! What stands for a value that a row lacks, as the operator declares it for an input.

use std::fmt;

use crate::DType;

/// A value in the place of missing ones.
#[derive(Clone, Debug, PartialEq)]
pub enum FillValue {
    /// A whole number, for every dtype of numbers that holds it.
    Integer(i64),
    /// Any other number, NaN and the infinities included, for floats.
    Float(f64),
    /// A truth value, for `BOOL`.
    Bool(bool),
    /// Text, for `BYTES`.
    Text(String),
}

impl FillValue {
    /// Whether it can be an element of that dtype.
    pub fn fits(&self, dtype: DType) -> bool {
        match self {
            Self::Integer(value) => fits_integer(*value, dtype),
            Self::Float(_) => dtype.is_float(),
            Self::Bool(_) => dtype == DType::Bool,
            Self::Text(_) => dtype == DType::Bytes,
        }
    }
}

fn fits_integer(value: i64, dtype: DType) -> bool {
    match dtype {
        DType::Uint8 => u8::try_from(value).is_ok(),
        DType::Uint16 => u16::try_from(value).is_ok(),
        DType::Uint32 => u32::try_from(value).is_ok(),
        DType::Uint64 => u64::try_from(value).is_ok(),
        DType::Int8 => i8::try_from(value).is_ok(),
        DType::Int16 => i16::try_from(value).is_ok(),
        DType::Int32 => i32::try_from(value).is_ok(),
        DType::Int64 | DType::Fp16 | DType::Bf16 | DType::Fp32 | DType::Fp64 => true,
        DType::Bool | DType::Bytes => false,
    }
}

impl fmt::Display for FillValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Float(value) => write!(formatter, "{value}"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Text(value) => write!(formatter, "\"{value}\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_floats_have_nan_and_integers_have_bounds() {
        let fits =
            |value: FillValue| -> Vec<DType> { DType::ALL.into_iter().filter(|dtype| value.fits(*dtype)).collect() };
        assert_eq!(fits(FillValue::Float(f64::NAN)), [DType::Fp16, DType::Bf16, DType::Fp32, DType::Fp64]);
        assert_eq!(fits(FillValue::Bool(true)), [DType::Bool]);
        assert_eq!(fits(FillValue::Text(String::new())), [DType::Bytes]);
        assert!(FillValue::Integer(255).fits(DType::Uint8) && !FillValue::Integer(256).fits(DType::Uint8));
        assert!(FillValue::Integer(-1).fits(DType::Int8) && !FillValue::Integer(-1).fits(DType::Uint64));
        assert!(!FillValue::Integer(0).fits(DType::Bool));
    }
}
