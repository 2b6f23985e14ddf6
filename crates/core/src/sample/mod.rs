//! Samples: stored requests with, where known, the right answer. They warm a model up and decide whether it is ready.

mod distance;
mod json;
mod made;

use std::fmt;

use crate::engine::Batch;
use crate::error::LoadError;
use crate::request::{InferRequest, NamedTensor};
use crate::{Content, DType, Element, Signature, Tensor, TensorSpec};

pub use self::distance::largest_difference;
pub use self::made::RequestMaker;

/// A stored request of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name that reports show, for instance the file's.
    pub name: String,
    /// What is asked.
    pub request: InferRequest,
    /// The right answer, where it is known.
    pub expected: Option<Vec<NamedTensor>>,
    /// How far floating-point elements may lie from the right answer.
    pub tolerance: Tolerance,
}

/// A request that a model answered, and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Every input.
    pub inputs: Vec<NamedTensor>,
    /// Every output, as the model gave it.
    pub outputs: Vec<NamedTensor>,
}

/// Where samples come from. They are read after the model is loaded, because a request's form may need its signature.
pub trait SampleSource: fmt::Debug + Send + Sync {
    /// Reads the samples of a model with that signature.
    fn read(&self, signature: &Signature) -> Result<Vec<Sample>, LoadError>;
}

/// No samples.
#[derive(Clone, Copy, Debug)]
pub struct NoSamples;

impl SampleSource for NoSamples {
    fn read(&self, _signature: &Signature) -> Result<Vec<Sample>, LoadError> {
        Ok(Vec::new())
    }
}

impl SampleSource for Vec<Sample> {
    fn read(&self, _signature: &Signature) -> Result<Vec<Sample>, LoadError> {
        Ok(self.clone())
    }
}

/// How far a floating-point answer may lie from the expected one: `|got - expected| <= absolute + relative * |expected|`.
/// Integers, truth values and strings must be equal. In JSON the same holds for each value, and a whole number is one
/// without fraction and exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// In units of the answer.
    pub absolute: f64,
    /// As a part of the expected answer.
    pub relative: f64,
}

impl Default for Tolerance {
    /// 1e-6 absolute and 1e-5 relative: rounding in single precision.
    fn default() -> Self {
        Self { absolute: 1e-6, relative: 1e-5 }
    }
}

impl Tolerance {
    /// Whether `got` is near enough. NaN equals NaN; an infinity equals only itself.
    pub fn accepts(&self, expected: f64, got: f64) -> bool {
        if expected.is_nan() || got.is_nan() {
            return expected.is_nan() && got.is_nan();
        }
        if expected.is_infinite() || got.is_infinite() {
            return expected.total_cmp(&got).is_eq();
        }
        (got - expected).abs() <= self.absolute + self.relative * expected.abs()
    }
}

impl Example {
    /// What went in and came out, both in the order of the signature.
    pub(crate) fn new(signature: &Signature, batch: &Batch, outputs: &[Tensor]) -> Self {
        Self { inputs: named(&signature.inputs, batch.inputs()), outputs: named(&signature.outputs, outputs) }
    }

    /// Bytes of all its tensors.
    pub fn byte_len(&self) -> usize {
        self.inputs.iter().chain(&self.outputs).map(|named| named.tensor.byte_len()).sum()
    }
}

/// Tensors in the order of the specs, with their names.
pub(crate) fn named(specs: &[TensorSpec], tensors: &[Tensor]) -> Vec<NamedTensor> {
    let named = specs.iter().zip(tensors);
    named.map(|(spec, tensor)| NamedTensor { name: spec.name.clone(), tensor: tensor.clone() }).collect()
}

/// How an answer differs from the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The answer lacks an output.
    #[error("output '{0}' is expected, but the model has none of that name")]
    Missing(String),
    /// Another dtype or shape.
    #[error("output '{output}' is {got}, expected {expected}")]
    Form {
        /// The output.
        output: String,
        /// Expected dtype and shape.
        expected: String,
        /// Dtype and shape that came.
        got: String,
    },
    /// Another element.
    #[error("output '{output}' has {got} at [{index}], expected {expected}")]
    Element {
        /// The output.
        output: String,
        /// Flat index of the first element that differs.
        index: usize,
        /// The expected element.
        expected: String,
        /// The element that came.
        got: String,
    },
}

/// Compares an answer of a model with the expected outputs; outputs that are not expected are not looked at. Texts of
/// JSON values are compared value by value, in the order in which they stand there.
pub fn compare(
    signature: &Signature,
    expected: &[NamedTensor],
    got: &[NamedTensor],
    tolerance: &Tolerance,
) -> Result<(), Mismatch> {
    for NamedTensor { name, tensor } in expected {
        let Some(answer) = got.iter().find(|output| output.name == *name) else {
            return Err(Mismatch::Missing(name.clone()));
        };
        let content = signature.output(name).map_or(&Content::Bytes, |(_, spec)| &spec.content);
        compare_tensors(name, content, [tensor, &answer.tensor], tolerance)?;
    }
    Ok(())
}

fn compare_tensors(
    name: &str,
    content: &Content,
    [expected, got]: [&Tensor; 2],
    tolerance: &Tolerance,
) -> Result<(), Mismatch> {
    if (expected.dtype(), expected.shape()) != (got.dtype(), got.shape()) {
        let form = |tensor: &Tensor| format!("{} {}", tensor.dtype(), tensor.shape());
        return Err(Mismatch::Form { output: name.to_owned(), expected: form(expected), got: form(got) });
    }
    let difference = match expected.dtype() {
        DType::Bool => first_unequal::<bool>(expected, got),
        DType::Uint8 => first_unequal::<u8>(expected, got),
        DType::Uint16 => first_unequal::<u16>(expected, got),
        DType::Uint32 => first_unequal::<u32>(expected, got),
        DType::Uint64 => first_unequal::<u64>(expected, got),
        DType::Int8 => first_unequal::<i8>(expected, got),
        DType::Int16 => first_unequal::<i16>(expected, got),
        DType::Int32 => first_unequal::<i32>(expected, got),
        DType::Int64 => first_unequal::<i64>(expected, got),
        DType::Fp16 => first_far::<half::f16>(expected, got, tolerance),
        DType::Bf16 => first_far::<half::bf16>(expected, got, tolerance),
        DType::Fp32 => first_far::<f32>(expected, got, tolerance),
        DType::Fp64 => first_far::<f64>(expected, got, tolerance),
        DType::Bytes if content.is_json() => first_other_json(expected, got, tolerance),
        DType::Bytes => first_other_string(expected, got),
    };
    match difference {
        None => Ok(()),
        Some((index, expected, got)) => Err(Mismatch::Element { output: name.to_owned(), index, expected, got }),
    }
}

type Difference = Option<(usize, String, String)>;

fn first_unequal<T: Element + fmt::Display>(expected: &Tensor, got: &Tensor) -> Difference {
    first_difference(elements::<T>(expected), elements::<T>(got), |expected, got| expected == got)
}

fn first_far<T: Element + fmt::Display + Into<f64>>(
    expected: &Tensor,
    got: &Tensor,
    tolerance: &Tolerance,
) -> Difference {
    let near = |expected: &T, got: &T| tolerance.accepts((*expected).into(), (*got).into());
    first_difference(elements(expected), elements(got), near)
}

fn first_other_string(expected: &Tensor, got: &Tensor) -> Difference {
    let quoted = |tensor: &Tensor| -> Vec<String> {
        let strings = tensor.as_strings().unwrap_or_default();
        strings.iter().map(|string| format!("\"{}\"", string.escape_ascii())).collect()
    };
    first_difference(&quoted(expected), &quoted(got), |expected, got| expected == got)
}

fn first_other_json(expected: &Tensor, got: &Tensor, tolerance: &Tolerance) -> Difference {
    let expected = expected.as_strings().unwrap_or_default().iter();
    let mut pairs = expected.zip(got.as_strings().unwrap_or_default()).enumerate();
    pairs.find_map(|(index, (expected, got))| {
        let (expected, got) = json::difference(expected, got, tolerance)?;
        Some((index, expected, got))
    })
}

fn first_difference<T: fmt::Display>(expected: &[T], got: &[T], same: impl Fn(&T, &T) -> bool) -> Difference {
    let mut pairs = expected.iter().zip(got).enumerate();
    let (index, (expected, got)) = pairs.find(|(_, (expected, got))| !same(expected, got))?;
    Some((index, expected.to_string(), got.to_string()))
}

fn elements<T: Element>(tensor: &Tensor) -> &[T] {
    tensor.as_slice().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    fn named(tensor: Tensor) -> Vec<NamedTensor> {
        vec![NamedTensor { name: "y".to_owned(), tensor }]
    }

    fn floats(elements: &[f32]) -> Vec<NamedTensor> {
        named(Tensor::from_vec(Shape::new([elements.len()]), elements.to_vec()).unwrap())
    }

    fn verdict(expected: &[NamedTensor], got: &[NamedTensor]) -> String {
        let signature = Signature { inputs: vec![], outputs: vec![TensorSpec::new("y", DType::Fp32, [])] };
        compare(&signature, expected, got, &Tolerance::default())
            .map_or_else(|mismatch| mismatch.to_string(), |()| "equal".to_owned())
    }

    #[test]
    fn floats_are_compared_with_tolerance_and_the_first_difference_is_named() {
        assert_eq!(
            verdict(&floats(&[1.0, f32::NAN, f32::INFINITY]), &floats(&[1.000_001, f32::NAN, f32::INFINITY])),
            "equal"
        );
        assert_eq!(verdict(&floats(&[1.0, 2.0]), &floats(&[1.0, 2.1])), "output 'y' has 2.1 at [1], expected 2");
        assert_eq!(
            verdict(&floats(&[f32::INFINITY]), &floats(&[f32::NEG_INFINITY])),
            "output 'y' has -inf at [0], expected inf"
        );
        assert_eq!(verdict(&floats(&[0.0]), &floats(&[f32::NAN])), "output 'y' has NaN at [0], expected 0");
    }

    #[test]
    fn integers_and_strings_must_be_equal() {
        let integers = |value: i64| named(Tensor::from_vec(Shape::new([1]), vec![value]).unwrap());
        assert_eq!(
            verdict(&integers(1 << 60), &integers((1 << 60) + 1)),
            "output 'y' has 1152921504606846977 at [0], expected 1152921504606846976"
        );
        let strings = |text: &str| named(Tensor::from_strings(Shape::new([1]), vec![text.to_owned()]).unwrap());
        assert_eq!(verdict(&strings("a"), &strings("b")), "output 'y' has \"b\" at [0], expected \"a\"");
    }

    #[test]
    fn form_and_presence_are_compared_first() {
        assert_eq!(verdict(&floats(&[1.0]), &floats(&[1.0, 2.0])), "output 'y' is FP32 [2], expected FP32 [1]");
        assert_eq!(verdict(&floats(&[1.0]), &[]), "output 'y' is expected, but the model has none of that name");
    }
}
