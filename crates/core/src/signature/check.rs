//! The check of a request against a signature, before anything reaches an engine, and of what an engine returns.

use std::collections::BTreeMap;

use super::{Dim, Signature, TensorSpec};
use crate::engine::{Batch, Outputs};
use crate::request::NamedTensor;
use crate::{DType, Shape, Tensor};

/// What is wrong with a request, judged by the model's signature alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// An input of the model is not in the request.
    #[error("input '{name}' is missing, expected {expected}")]
    MissingInput {
        /// The input.
        name: String,
        /// Its dtype and axes.
        expected: String,
    },
    /// The model has no such input.
    #[error("input '{name}' is not an input of this model, expected {}", quoted(.known))]
    UnknownInput {
        /// The name as it came.
        name: String,
        /// The model's inputs.
        known: Vec<String>,
    },
    /// The same input came twice.
    #[error("input '{0}' is given twice")]
    DuplicateInput(String),
    /// The model has no such output.
    #[error("output '{name}' is not an output of this model, expected {}", quoted(.known))]
    UnknownOutput {
        /// The name as it came.
        name: String,
        /// The model's outputs.
        known: Vec<String>,
    },
    /// The same output is asked for twice.
    #[error("output '{0}' is asked for twice")]
    DuplicateOutput(String),
    /// An input holds another dtype.
    #[error("input '{input}' has datatype {got}, expected {expected}")]
    WrongDType {
        /// The input.
        input: String,
        /// The model's dtype.
        expected: DType,
        /// The request's dtype.
        got: DType,
    },
    /// An input has other axes.
    #[error("input '{input}' has shape {got}, expected {expected}")]
    WrongShape {
        /// The input.
        input: String,
        /// The model's axes.
        expected: String,
        /// The request's shape.
        got: Shape,
    },
    /// Axes that the model gives one name differ in length.
    #[error("input '{input}' has {got} for axis '{axis}', but '{other}' has {expected}; they must be equal")]
    AxesDisagree {
        /// The later input.
        input: String,
        /// The axis' name.
        axis: String,
        /// The earlier input.
        other: String,
        /// The earlier input's length.
        expected: usize,
        /// The later input's length.
        got: usize,
    },
}

/// How an engine's outputs break the model's signature: a fault of the model or engine, never of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Too few or too many outputs.
    #[error("the model returned {got} outputs, its signature has {expected}")]
    Count {
        /// Outputs of the signature.
        expected: usize,
        /// Outputs returned.
        got: usize,
    },
    /// Another dtype or shape than the signature has.
    #[error("the model returned {got_dtype} {got_shape} for output '{output}', its signature has {expected}")]
    Mismatch {
        /// The output.
        output: String,
        /// Its dtype and axes in the signature.
        expected: String,
        /// The dtype returned.
        got_dtype: DType,
        /// The shape returned.
        got_shape: Shape,
    },
    /// Not one row out for each row in.
    #[error("the model returned {got} rows of output '{output}' for {expected} rows of input")]
    Rows {
        /// The output.
        output: String,
        /// Rows of input.
        expected: usize,
        /// Rows returned.
        got: usize,
    },
}

impl Signature {
    /// Checks a request's inputs and puts them into the signature's order.
    pub fn arrange(&self, inputs: Vec<NamedTensor>) -> Result<Batch, RequestError> {
        let mut slots: Vec<Option<Tensor>> = vec![None; self.inputs.len()];
        for NamedTensor { name, tensor } in inputs {
            let Some((position, spec)) = self.input(&name) else {
                return Err(RequestError::UnknownInput { name, known: names(&self.inputs) });
            };
            check_tensor(spec, &tensor)?;
            if slots[position].replace(tensor).is_some() {
                return Err(RequestError::DuplicateInput(name));
            }
        }
        let missing =
            |spec: &TensorSpec| RequestError::MissingInput { name: spec.name.clone(), expected: spec.to_string() };
        let tensors = slots.into_iter().zip(&self.inputs);
        let tensors: Vec<_> =
            tensors.map(|(slot, spec)| slot.ok_or_else(|| missing(spec))).collect::<Result<_, _>>()?;
        self.check_named_axes(&tensors)?;
        Ok(Batch::new(tensors))
    }

    /// Positions of the outputs asked for; of all of them when none is named.
    pub fn select(&self, wanted: &[String]) -> Result<Vec<usize>, RequestError> {
        if wanted.is_empty() {
            return Ok((0..self.outputs.len()).collect());
        }
        let mut positions = Vec::with_capacity(wanted.len());
        for name in wanted {
            let Some((position, _)) = self.output(name) else {
                return Err(RequestError::UnknownOutput { name: name.clone(), known: names(&self.outputs) });
            };
            if positions.contains(&position) {
                return Err(RequestError::DuplicateOutput(name.clone()));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    /// Checks what an engine returned for `batch`: nobody gets an empty answer or one of another shape.
    pub fn check_outputs(&self, batch: &Batch, outputs: &Outputs) -> Result<(), OutputError> {
        if outputs.len() != self.outputs.len() {
            return Err(OutputError::Count { expected: self.outputs.len(), got: outputs.len() });
        }
        let rows = self.is_batchable().then(|| batch.row_count()).flatten();
        for (spec, tensor) in self.outputs.iter().zip(outputs) {
            check_output(spec, tensor, rows)?;
        }
        Ok(())
    }

    fn check_named_axes(&self, tensors: &[Tensor]) -> Result<(), RequestError> {
        let mut seen: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for (spec, tensor) in self.inputs.iter().zip(tensors) {
            let dims = spec.dims.as_deref().unwrap_or_default();
            for (dim, &length) in dims.iter().zip(tensor.shape().iter()) {
                let Dim::Dynamic(Some(axis)) = dim else { continue };
                let &mut (other, expected) = seen.entry(axis).or_insert((&spec.name, length));
                if expected != length {
                    return Err(RequestError::AxesDisagree {
                        input: spec.name.clone(),
                        axis: axis.to_string(),
                        other: other.to_owned(),
                        expected,
                        got: length,
                    });
                }
            }
        }
        Ok(())
    }
}

fn check_tensor(spec: &TensorSpec, tensor: &Tensor) -> Result<(), RequestError> {
    if spec.dtype != tensor.dtype() {
        return Err(RequestError::WrongDType { input: spec.name.clone(), expected: spec.dtype, got: tensor.dtype() });
    }
    if !fits(spec, tensor.shape()) {
        return Err(RequestError::WrongShape {
            input: spec.name.clone(),
            expected: spec.to_string(),
            got: tensor.shape().clone(),
        });
    }
    Ok(())
}

fn check_output(spec: &TensorSpec, tensor: &Tensor, rows: Option<usize>) -> Result<(), OutputError> {
    if spec.dtype != tensor.dtype() || !fits(spec, tensor.shape()) {
        return Err(OutputError::Mismatch {
            output: spec.name.clone(),
            expected: spec.to_string(),
            got_dtype: tensor.dtype(),
            got_shape: tensor.shape().clone(),
        });
    }
    match (rows, tensor.shape().first()) {
        (Some(expected), Some(&got)) if expected != got => {
            Err(OutputError::Rows { output: spec.name.clone(), expected, got })
        }
        _ => Ok(()),
    }
}

fn fits(spec: &TensorSpec, shape: &Shape) -> bool {
    let Some(dims) = &spec.dims else { return true };
    dims.len() == shape.len() && dims.iter().zip(shape.iter()).all(|(dim, length)| dim.accepts(*length))
}

fn names(specs: &[TensorSpec]) -> Vec<String> {
    specs.iter().map(|spec| spec.name.clone()).collect()
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    match names.as_slice() {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature() -> Signature {
        Signature {
            inputs: vec![
                TensorSpec::new("x", DType::Fp32, [Dim::named("batch"), Dim::Fixed(2)]),
                TensorSpec::new("y", DType::Int64, [Dim::named("batch")]),
            ],
            outputs: vec![
                TensorSpec::new("label", DType::Int64, [Dim::named("batch")]),
                TensorSpec::new("scores", DType::Fp32, [Dim::named("batch"), Dim::Fixed(3)]),
            ],
        }
    }

    fn input(name: &str, tensor: Tensor) -> NamedTensor {
        NamedTensor { name: name.to_owned(), tensor }
    }

    fn zeros(dtype: DType, shape: &[usize]) -> Tensor {
        Tensor::zeros(dtype, shape.into()).unwrap()
    }

    fn message(inputs: Vec<NamedTensor>) -> String {
        signature().arrange(inputs).unwrap_err().to_string()
    }

    #[test]
    fn inputs_come_out_in_the_order_of_the_signature() {
        let x = zeros(DType::Fp32, &[3, 2]);
        let y = zeros(DType::Int64, &[3]);
        let batch = signature().arrange(vec![input("y", y.clone()), input("x", x.clone())]).unwrap();
        assert_eq!(batch.inputs(), [x, y]);
        assert_eq!(batch.row_count(), Some(3));
    }

    #[test]
    fn each_mistake_names_the_field_what_was_expected_and_what_came() {
        let x = || input("x", zeros(DType::Fp32, &[3, 2]));
        let y = || input("y", zeros(DType::Int64, &[3]));
        let cases = [
            (vec![x()], "input 'y' is missing, expected INT64 [batch]"),
            (vec![x(), y(), x()], "input 'x' is given twice"),
            (
                vec![input("z", zeros(DType::Fp32, &[1]))],
                "input 'z' is not an input of this model, expected one of 'x', 'y'",
            ),
            (vec![input("x", zeros(DType::Fp64, &[3, 2]))], "input 'x' has datatype FP64, expected FP32"),
            (vec![input("x", zeros(DType::Fp32, &[3, 5]))], "input 'x' has shape [3,5], expected FP32 [batch,2]"),
            (
                vec![x(), input("y", zeros(DType::Int64, &[4]))],
                "input 'y' has 4 for axis 'batch', but 'x' has 3; they must be equal",
            ),
        ];
        for (inputs, expected) in cases {
            assert_eq!(message(inputs), expected);
        }
    }

    #[test]
    fn outputs_are_selected_in_the_order_asked_for() {
        let wanted = ["scores".to_owned(), "label".to_owned()];
        assert_eq!(signature().select(&wanted), Ok(vec![1, 0]));
        assert_eq!(signature().select(&[]), Ok(vec![0, 1]));
        let error = signature().select(&["score".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "output 'score' is not an output of this model, expected one of 'label', 'scores'"
        );
        let twice = ["label".to_owned(), "label".to_owned()];
        assert_eq!(signature().select(&twice), Err(RequestError::DuplicateOutput("label".to_owned())));
    }

    #[test]
    fn an_answer_with_missing_rows_or_outputs_is_the_models_fault() {
        let batch = Batch::new(vec![zeros(DType::Fp32, &[3, 2]), zeros(DType::Int64, &[3])]);
        let scores = zeros(DType::Fp32, &[3, 3]);
        let check = |outputs: Outputs| signature().check_outputs(&batch, &outputs).map_err(|error| error.to_string());
        assert_eq!(check(vec![zeros(DType::Int64, &[3]), scores.clone()]), Ok(()));
        assert_eq!(check(vec![scores.clone()]), Err("the model returned 1 outputs, its signature has 2".to_owned()));
        assert_eq!(
            check(vec![zeros(DType::Int64, &[2]), scores.clone()]),
            Err("the model returned 2 rows of output 'label' for 3 rows of input".to_owned())
        );
        assert_eq!(
            check(vec![zeros(DType::Int32, &[3]), scores]),
            Err("the model returned INT32 [3] for output 'label', its signature has INT64 [batch]".to_owned())
        );
    }
}
