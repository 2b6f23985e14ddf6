//! A table from elements of one dtype to elements of another, element by element: what `LabelEncoder` and
//! `CategoryMapper` become.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use loadonce_core::{DType, Element, RunError, Shape, Tensor, TensorError};

use crate::tabular::kernel::{Inputs, Kernel, tensor};
use crate::tabular::numbers::elements;

/// Dtypes of keys and values.
pub(super) const MAPPED: [DType; 6] =
    [DType::Bytes, DType::Int64, DType::Fp32, DType::Fp64, DType::Int32, DType::Int16];

/// Gives for each element the value of its key, in the input's shape.
#[derive(Debug)]
pub(super) struct Mapping {
    keys: Keys,
    /// The values by number; the last one is for elements that are no key.
    values: Tensor,
}

/// What the versions of the operators do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Which entry counts where a key is repeated.
    pub(super) repeated: Repeated,
    /// Whether a key that is no number is found by elements that are none.
    pub(super) finds_nan: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    First,
    Last,
}

/// The number of each key's value.
#[derive(Debug)]
enum Keys {
    Texts(HashMap<Bytes, usize>),
    /// By [`Key::bits`].
    Numbers(HashMap<u64, usize>),
}

/// A number by which values are looked up.
trait Key: Element {
    /// Equal for equal numbers, and for all NaNs.
    fn bits(self) -> u64;
}

impl Mapping {
    /// The table of keys and values, in their order, of dtypes in [`MAPPED`]. `default` has one element of the values'
    /// dtype.
    pub(super) fn new(keys: &Tensor, values: &Tensor, default: &Tensor, rules: Rules) -> Result<Self, String> {
        if keys.len() != values.len() {
            return Err(format!("{} keys for {} values", keys.len(), values.len()));
        }
        if default.dtype() != values.dtype() || default.len() != 1 {
            let (got, count, expected) = (default.dtype(), default.len(), values.dtype());
            return Err(format!("the default has {count} elements of {got}, expected one of {expected}"));
        }
        let values = appended(values, default).map_err(|error| error.to_string())?;
        let keys = Keys::new(keys, rules).map_err(|error| error.to_string())?;
        Ok(Self { keys, values })
    }
}

impl Kernel for Mapping {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let numbers = self.keys.find(input, self.values.len() - 1)?;
        let shape = input.shape().clone();
        outputs.push(match self.values.dtype() {
            DType::Fp32 => taken::<f32>(&self.values, &numbers, shape)?,
            DType::Fp64 => taken::<f64>(&self.values, &numbers, shape)?,
            DType::Int64 => taken::<i64>(&self.values, &numbers, shape)?,
            DType::Int32 => taken::<i32>(&self.values, &numbers, shape)?,
            DType::Int16 => taken::<i16>(&self.values, &numbers, shape)?,
            _ => taken_strings(&self.values, &numbers, shape)?,
        });
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.keys.bytes() + self.values.byte_len()
    }
}

impl Keys {
    fn new(keys: &Tensor, rules: Rules) -> Result<Self, RunError> {
        if keys.dtype() == DType::Bytes {
            let texts = keys.as_strings().map_err(failed)?;
            return Ok(Self::Texts(numbered(texts.iter().cloned(), rules.repeated)));
        }
        let mut numbers = numbered(bits(keys)?.into_iter(), rules.repeated);
        if !rules.finds_nan && matches!(keys.dtype(), DType::Fp32 | DType::Fp64) {
            numbers.remove(&f64::NAN.bits());
        }
        Ok(Self::Numbers(numbers))
    }

    /// The number of each element's value; `missing` for elements that are no key.
    fn find(&self, input: &Tensor, missing: usize) -> Result<Vec<usize>, RunError> {
        let or_missing = |number: Option<&usize>| number.copied().unwrap_or(missing);
        Ok(match self {
            Self::Texts(keys) => {
                input.as_strings().map_err(failed)?.iter().map(|text| or_missing(keys.get(text))).collect()
            }
            Self::Numbers(keys) => bits(input)?.iter().map(|bits| or_missing(keys.get(bits))).collect(),
        })
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Texts(keys) => keys.keys().map(|key| key.len() + size_of::<(Bytes, usize)>()).sum(),
            Self::Numbers(keys) => keys.len() * size_of::<(u64, usize)>(),
        }
    }
}

fn numbered<K: Eq + std::hash::Hash>(keys: impl Iterator<Item = K>, repeated: Repeated) -> HashMap<K, usize> {
    let mut numbers = HashMap::with_capacity(keys.size_hint().0);
    for (number, key) in keys.enumerate() {
        match repeated {
            Repeated::First => drop(numbers.entry(key).or_insert(number)),
            Repeated::Last => drop(numbers.insert(key, number)),
        }
    }
    numbers
}

fn bits(tensor: &Tensor) -> Result<Vec<u64>, RunError> {
    match tensor.dtype() {
        DType::Fp32 => bits_of::<f32>(tensor),
        DType::Fp64 => bits_of::<f64>(tensor),
        DType::Int64 => bits_of::<i64>(tensor),
        DType::Int32 => bits_of::<i32>(tensor),
        _ => bits_of::<i16>(tensor),
    }
}

fn bits_of<T: Key>(tensor: &Tensor) -> Result<Vec<u64>, RunError> {
    Ok(elements::<T>(tensor)?.iter().map(|&key| key.bits()).collect())
}

impl Key for f64 {
    fn bits(self) -> u64 {
        // Adding zero makes the negative zero the positive one.
        if self.is_nan() { Self::NAN.to_bits() } else { (self + 0.0).to_bits() }
    }
}

impl Key for f32 {
    fn bits(self) -> u64 {
        f64::from(self).bits()
    }
}

impl Key for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
}

impl Key for i32 {
    fn bits(self) -> u64 {
        i64::from(self).bits()
    }
}

impl Key for i16 {
    fn bits(self) -> u64 {
        i64::from(self).bits()
    }
}

fn appended(values: &Tensor, default: &Tensor) -> Result<Tensor, TensorError> {
    let shape = Shape::new([values.len() + 1]);
    let (Some(first), Some(last)) = (values.as_bytes(), default.as_bytes()) else {
        return Tensor::from_strings(shape, [values.as_strings()?, default.as_strings()?].concat());
    };
    let mut joined = BytesMut::with_capacity(first.len() + last.len());
    joined.extend_from_slice(first);
    joined.extend_from_slice(last);
    Tensor::from_bytes(values.dtype(), shape, joined.freeze())
}

fn taken<T: Element>(values: &Tensor, numbers: &[usize], shape: Shape) -> Result<Tensor, RunError> {
    let values = elements::<T>(values)?;
    tensor(shape, numbers.iter().map(|&number| values[number]).collect())
}

fn taken_strings(values: &Tensor, numbers: &[usize], shape: Shape) -> Result<Tensor, RunError> {
    let values = values.as_strings().map_err(failed)?;
    let taken: Vec<Bytes> = numbers.iter().map(|&number| values[number].clone()).collect();
    Tensor::from_strings(shape, taken).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in a map_err")]
fn failed(error: TensorError) -> RunError {
    RunError::Failed(error.to_string())
}
