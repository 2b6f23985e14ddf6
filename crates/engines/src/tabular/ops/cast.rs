//! `Cast` (ai.onnx 6 and later) between `FP32`, `FP64`, `INT64`, `INT32`, `BOOL` and `BYTES`; the shape stays.
//!
//! A float that does not fit the integer type, which the specification leaves undefined, is refused instead of answered
//! with whatever the processor makes of it.

use bytes::Bytes;
use loadonce_core::{DType, Element, LoadError, RunError, Tensor};

use crate::onnx::types;
use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::elements;

const DTYPES: [DType; 6] = [DType::Fp32, DType::Fp64, DType::Int64, DType::Int32, DType::Bool, DType::Bytes];

#[derive(Debug)]
struct Cast {
    to: DType,
}

/// A single element on its way from one dtype to another.
#[derive(Clone, Copy, Debug)]
enum Scalar<'a> {
    Float(f64),
    /// Kept apart from `Float`, because its text is shorter.
    Single(f32),
    Int(i64),
    Text(&'a [u8]),
}

pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&DTYPES, node)?;
    let code = node.int("to")?.and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
    let to = types::dtype(code).filter(|to| DTYPES.contains(to));
    let to = to.ok_or_else(|| node.unsupported(format!("a cast to {}", types::data_type_name(code))))?;
    let output = Value { rows: input.rows, ..Value::new(to, input.dims.clone()).with_labels(input.labels.clone()) };
    Ok(Prepared { kernel: Box::new(Cast { to }), outputs: vec![output] })
}

impl Kernel for Cast {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        if input.dtype() == self.to {
            outputs.push(input.clone());
            return Ok(());
        }
        // One loop for each pair of dtypes: the scalar in between is known to the compiler in each.
        outputs.push(match input.dtype() {
            DType::Fp32 => self.cast(input, elements::<f32>(input)?.iter().map(|&value| Scalar::Single(value)))?,
            DType::Fp64 => self.cast(input, elements::<f64>(input)?.iter().map(|&value| Scalar::Float(value)))?,
            DType::Int64 => self.cast(input, elements::<i64>(input)?.iter().map(|&value| Scalar::Int(value)))?,
            DType::Int32 => self.cast(input, elements::<i32>(input)?.iter().map(|&value| Scalar::Int(value.into())))?,
            DType::Bool => self.cast(input, elements::<bool>(input)?.iter().map(|&value| Scalar::Int(value.into())))?,
            _ => {
                let strings = input.as_strings().map_err(|error| RunError::Failed(error.to_string()))?;
                self.cast(input, strings.iter().map(|text| Scalar::Text(text)))?
            }
        });
        Ok(())
    }
}

impl Cast {
    fn cast<'a>(&self, input: &Tensor, scalars: impl Iterator<Item = Scalar<'a>>) -> Result<Tensor, RunError> {
        match self.to {
            DType::Fp32 => cast(input, scalars, Scalar::single),
            DType::Fp64 => cast(input, scalars, Scalar::double),
            DType::Int64 => cast(input, scalars, Scalar::int),
            DType::Int32 => cast(input, scalars, Scalar::small_int),
            DType::Bool => cast(input, scalars, Scalar::truth),
            _ => {
                let texts: Vec<Bytes> = scalars.map(Scalar::text).collect();
                Tensor::from_strings(input.shape().clone(), texts).map_err(|error| RunError::Failed(error.to_string()))
            }
        }
    }
}

fn cast<'a, T: Element>(
    input: &Tensor,
    scalars: impl Iterator<Item = Scalar<'a>>,
    change: impl Fn(Scalar<'a>) -> Option<T>,
) -> Result<Tensor, RunError> {
    let cannot = |scalar: Scalar<'_>| {
        let text = String::from_utf8_lossy(&scalar.text()).into_owned();
        invalid(format!("'{text}' cannot be cast to {}", T::DTYPE))
    };
    let changed: Result<Vec<T>, RunError> =
        scalars.map(|scalar| change(scalar).ok_or_else(|| cannot(scalar))).collect();
    tensor(input.shape().clone(), changed?)
}

impl Scalar<'_> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a cast rounds to the nearest")]
    fn single(self) -> Option<f32> {
        match self {
            Self::Float(value) => Some(value as f32),
            Self::Single(value) => Some(value),
            Self::Int(value) => Some(value as f32),
            Self::Text(text) => trimmed(text)?.parse().ok(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a cast rounds to the nearest")]
    fn double(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            Self::Single(value) => Some(value.into()),
            Self::Int(value) => Some(value as f64),
            Self::Text(text) => trimmed(text)?.parse().ok(),
        }
    }

    /// Fractions are cut off. ONNX Runtime also cuts texts off at the first character that is no digit, so that
    /// `1e3` becomes 1; here such a text is refused.
    fn int(self) -> Option<i64> {
        match self {
            Self::Float(value) => truncated(value),
            Self::Single(value) => truncated(value.into()),
            Self::Int(value) => Some(value),
            Self::Text(text) => trimmed(text)?.parse().ok(),
        }
    }

    /// From a wider integer the upper bits are dropped, as the specification says.
    #[expect(clippy::cast_possible_truncation, reason = "dropping the upper bits is the specification")]
    fn small_int(self) -> Option<i32> {
        match self {
            Self::Int(value) => Some(value as i32),
            other => i32::try_from(other.int()?).ok(),
        }
    }

    fn truth(self) -> Option<bool> {
        match self {
            Self::Float(value) => Some(value != 0.0),
            Self::Single(value) => Some(value != 0.0),
            Self::Int(value) => Some(value != 0),
            Self::Text(_) => self.int().map(|value| value != 0),
        }
    }

    fn text(self) -> Bytes {
        match self {
            Self::Float(value) => float_text(value).into(),
            Self::Single(value) => float_text(value.into()).into(),
            Self::Int(value) => value.to_string().into(),
            Self::Text(text) => Bytes::copy_from_slice(text),
        }
    }
}

fn trimmed(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text.trim_ascii()).ok()
}

/// The first whole number that an `i64` no longer holds.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

#[expect(clippy::cast_possible_truncation, reason = "the range is checked, and fractions are to be cut off")]
fn truncated(value: f64) -> Option<i64> {
    (-BEYOND..BEYOND).contains(&value).then_some(value as i64)
}

/// Digits that ONNX Runtime writes of a float (as C's `%.8g` does); the specification leaves the form open.
const DIGITS: i32 = 8;

fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let scientific = format!("{value:.precision$e}", precision = DIGITS.unsigned_abs() as usize - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
        return without_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.unsigned_abs())
}

fn without_zeros(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Shape, Tensor};

    use super::*;
    use crate::onnx::proto::data_type;
    use crate::onnx::testing::{Value::Int, node};
    use crate::tabular::testing::{floats, load_error, numbers, run, run_error};

    fn to(data_type: i32) -> crate::onnx::proto::NodeProto {
        node("Cast", &["x"], &["y"]).with("to", Int(data_type.into()))
    }

    fn strings(texts: &[&str]) -> Tensor {
        let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
        Tensor::from_strings(Shape::new([texts.len()]), texts).unwrap()
    }

    #[test]
    fn numbers_become_other_numbers() {
        assert_eq!(run(to(data_type::INT64), floats(&[2], &[1.9, -2.7]))[0], numbers::<i64>(&[2], &[1, -2]));
        assert_eq!(run(to(data_type::INT32), numbers::<i64>(&[1], &[-5]))[0], numbers::<i32>(&[1], &[-5]));
        assert_eq!(run(to(data_type::INT32), numbers::<i64>(&[1], &[(1 << 32) + 7]))[0], numbers::<i32>(&[1], &[7]));
        assert_eq!(run(to(data_type::FLOAT), numbers::<f64>(&[1], &[0.1]))[0], floats(&[1], &[0.1]));
        assert_eq!(run(to(data_type::DOUBLE), numbers::<bool>(&[2], &[true, false]))[0], numbers(&[2], &[1.0, 0.0]));
        assert_eq!(run(to(data_type::BOOL), floats(&[3], &[0.0, -0.0, 0.5]))[0], numbers(&[3], &[false, false, true]));
    }

    #[test]
    fn texts_become_numbers_and_numbers_texts() {
        assert_eq!(run(to(data_type::FLOAT), strings(&["1.5", " 1e3"]))[0], floats(&[2], &[1.5, 1000.0]));
        assert_eq!(run(to(data_type::INT64), strings(&["-3"]))[0], numbers::<i64>(&[1], &[-3]));
        let written = run(to(data_type::STRING), numbers::<i64>(&[1], &[i64::MIN]));
        assert_eq!(written[0].as_strings().unwrap(), ["-9223372036854775808"]);
    }

    #[test]
    fn floats_are_written_as_onnx_runtime_writes_them() {
        let cases = [
            (1.5, "1.5"),
            (-2.7, "-2.7"),
            (1e20, "1e+20"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.33333334"),
            (f32::NAN, "NaN"),
            (f32::NEG_INFINITY, "-INF"),
            (123_456_789.0, "1.2345679e+08"),
            (1e-7, "1e-07"),
            (-0.0, "-0"),
            (100_000.0, "100000"),
            (1e15, "9.9999999e+14"),
            (0.0001, "9.9999997e-05"),
        ];
        for (value, expected) in cases {
            assert_eq!(float_text(f64::from(value)), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_named() {
        let cases = [
            (to(data_type::INT64), floats(&[1], &[f32::NAN]), "'NaN' cannot be cast to INT64"),
            (to(data_type::INT32), floats(&[1], &[1e10]), "'1e+10' cannot be cast to INT32"),
            (to(data_type::INT64), floats(&[1], &[1e20]), "'1e+20' cannot be cast to INT64"),
            (to(data_type::INT64), strings(&["1e3"]), "'1e3' cannot be cast to INT64"),
            (to(data_type::FLOAT), strings(&["abc"]), "'abc' cannot be cast to FP32"),
        ];
        for (node, input, expected) in cases {
            let error = run_error(node, input).to_string();
            assert!(error.ends_with(expected), "{error}");
        }
        assert!(load_error(to(14), &["", "2"]).detail().ends_with("a cast to complex64"));
        assert!(load_error(node("Cast", &["x"], &["y"]), &["2"]).detail().ends_with("a cast to undefined"));
    }
}
