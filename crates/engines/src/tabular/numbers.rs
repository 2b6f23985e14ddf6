//! Numbers of any dtype that the operators take, in the precision in which they compute.

use std::borrow::Cow;
use std::ops::{Add, Div, Mul, Neg, Sub};

use loadonce_core::{DType, Element, RunError, Tensor, TensorError};

use crate::trees::Number;

/// The precision of a computation: single, or double where a model says so.
pub(super) trait Real:
    Number + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The elements of a tensor of any dtype in [`super::kernel::NUMBERS`], copied only if they are of another one.
    fn of(tensor: &Tensor) -> Result<Cow<'_, [Self]>, RunError>;

    /// In this precision.
    fn from_f32(value: f32) -> Self;

    /// In this precision, rounded if need be.
    fn from_f64(value: f64) -> Self;

    /// In single precision, rounded if need be.
    fn to_f32(self) -> f32;
}

impl Real for f32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "single precision is asked for")]
    fn of(tensor: &Tensor) -> Result<Cow<'_, [Self]>, RunError> {
        match tensor.dtype() {
            DType::Fp32 => Ok(Cow::Borrowed(elements(tensor)?)),
            DType::Fp64 => convert(tensor, |value: f64| value as f32),
            DType::Int64 => convert(tensor, |value: i64| value as f32),
            DType::Int32 => convert(tensor, |value: i32| value as f32),
            other => Err(no_number(other)),
        }
    }

    fn from_f32(value: f32) -> Self {
        value
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding is what the name says")]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn to_f32(self) -> f32 {
        self
    }
}

impl Real for f64 {
    #[expect(clippy::cast_precision_loss, reason = "double precision is asked for")]
    fn of(tensor: &Tensor) -> Result<Cow<'_, [Self]>, RunError> {
        match tensor.dtype() {
            DType::Fp32 => convert(tensor, |value: f32| f64::from(value)),
            DType::Fp64 => Ok(Cow::Borrowed(elements(tensor)?)),
            DType::Int64 => convert(tensor, |value: i64| value as f64),
            DType::Int32 => convert(tensor, |value: i32| f64::from(value)),
            other => Err(no_number(other)),
        }
    }

    fn from_f32(value: f32) -> Self {
        value.into()
    }

    fn from_f64(value: f64) -> Self {
        value
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding is what the name says")]
    fn to_f32(self) -> f32 {
        self as f32
    }
}

/// The elements of a tensor whose dtype is known from loading.
pub(super) fn elements<T: Element>(tensor: &Tensor) -> Result<&[T], RunError> {
    tensor.as_slice().map_err(|error: TensorError| RunError::Failed(error.to_string()))
}

fn convert<T: Element, R: Element>(tensor: &Tensor, change: impl Fn(T) -> R) -> Result<Cow<'_, [R]>, RunError> {
    Ok(elements(tensor)?.iter().map(|&value| change(value)).collect())
}

fn no_number(dtype: DType) -> RunError {
    RunError::Failed(format!("expected numbers, got {dtype}"))
}
