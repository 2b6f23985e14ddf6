//! `ArrayFeatureExtractor` and `FeatureVectorizer` (ai.onnx.ml 1): operators that choose columns or put them side by
//! side.

use bytes::Bytes;
use loadonce_core::{DType, Dim, Element, LoadError, RunError, Shape, Tensor};

use crate::tabular::kernel::{Inputs, Kernel, NUMBERS, Prepared, Rows, Value, invalid, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::{Real, elements};

/// Entries of the last axis of the first input, at the positions in the second; any dtype of numbers, or `BYTES`.
#[derive(Debug)]
struct ArrayFeatureExtractor;

/// Inputs of numbers side by side as `FP32 [N, sum of widths]`.
#[derive(Debug)]
struct FeatureVectorizer {
    widths: Vec<usize>,
    total: usize,
}

pub(super) fn prepare_extractor(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let (input, positions) = (&inputs[0], &inputs[1]);
    input.expect(&[DType::Fp32, DType::Fp64, DType::Int64, DType::Int32, DType::Bytes], node)?;
    positions.expect(&[DType::Int64], node)?;
    check_constant_positions(node, input, positions)?;
    let mut output = Value::new(input.dtype, extracted_dims(input, positions));
    if let (Some(rows), Some(rank)) = (picked_rows(input, positions), output.rank()) {
        output = output.with_rows(match rows {
            1 => Rows::Along(rank - 1),
            each => Rows::Runs { axis: rank - 1, each },
        });
    }
    Ok(Prepared { kernel: Box::new(ArrayFeatureExtractor), outputs: vec![output] })
}

/// How many positions each row of a request has, where constants are picked by them: exporters turn the class of each
/// row, or those of its neighbours, into labels that way, and what was rows is columns then.
fn picked_rows(input: &Value, positions: &Value) -> Option<usize> {
    let (Rows::Absent, Rows::Along(0)) = (input.rows(), positions.rows()) else { return None };
    positions.dims.as_deref()?.iter().skip(1).try_fold(1_usize, |product, dim| match dim {
        Dim::Fixed(length) => product.checked_mul(*length),
        Dim::Dynamic(_) => None,
    })
}

fn check_constant_positions(node: &Node<'_>, input: &Value, positions: &Value) -> Result<(), LoadError> {
    let Some(Dim::Fixed(width)) = input.dims.as_ref().and_then(|dims| dims.last()) else { return Ok(()) };
    let Some(positions) = &positions.constant else { return Ok(()) };
    let positions = positions.as_slice::<i64>().map_err(|error| node.corrupt(error.to_string()))?;
    check_positions(positions, *width).map_err(|detail| node.corrupt(detail))
}

fn check_positions(positions: &[i64], width: usize) -> Result<(), String> {
    let outside = |position: &&i64| usize::try_from(**position).map_or(true, |position| position >= width);
    match positions.iter().find(outside) {
        Some(position) => Err(format!("position {position} is not among {width} columns")),
        None if positions.is_empty() => Err("no positions to extract".to_owned()),
        None => Ok(()),
    }
}

/// A single axis becomes a row, for ONNX Runtime keeps an old exporter's habit.
fn extracted_dims(input: &Value, positions: &Value) -> Option<Vec<Dim>> {
    let mut dims = input.dims.clone()?;
    if dims.len() == 1 {
        dims.insert(0, Dim::Fixed(1));
    }
    *dims.last_mut()? = positions.constant.as_ref().map_or(Dim::ANY, |positions| Dim::Fixed(positions.len()));
    Some(dims)
}

impl Kernel for ArrayFeatureExtractor {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let (input, positions) = (inputs.get(0)?, inputs.get(1)?);
        let positions: &[i64] = elements(positions)?;
        let Some((&width, leading)) = input.shape().split_last() else { return Err(invalid("the input is a scalar")) };
        check_positions(positions, width).map_err(invalid)?;
        // Every position was just found to be an index into a row.
        let positions: Vec<usize> = positions.iter().filter_map(|&position| usize::try_from(position).ok()).collect();
        let leading = if leading.is_empty() { &[1] } else { leading };
        let shape = Shape::new(leading.iter().copied().chain([positions.len()]));
        outputs.push(match input.dtype() {
            DType::Fp32 => extract::<f32>(input, width, &positions, shape)?,
            DType::Fp64 => extract::<f64>(input, width, &positions, shape)?,
            DType::Int64 => extract::<i64>(input, width, &positions, shape)?,
            DType::Int32 => extract::<i32>(input, width, &positions, shape)?,
            _ => extract_strings(input, width, &positions, shape)?,
        });
        Ok(())
    }
}

fn extract<T: Element>(input: &Tensor, width: usize, positions: &[usize], shape: Shape) -> Result<Tensor, RunError> {
    tensor(shape, gather(elements::<T>(input)?, width, positions))
}

fn extract_strings(input: &Tensor, width: usize, positions: &[usize], shape: Shape) -> Result<Tensor, RunError> {
    let strings: &[Bytes] = input.as_strings().map_err(|error| RunError::Failed(error.to_string()))?;
    Tensor::from_strings(shape, gather(strings, width, positions)).map_err(|error| RunError::Failed(error.to_string()))
}

fn gather<T: Clone>(elements: &[T], width: usize, positions: &[usize]) -> Vec<T> {
    let rows = elements.chunks_exact(width);
    rows.flat_map(|row| positions.iter().map(|&position| row[position].clone())).collect()
}

/// More columns than any table has; a bound on what a file can ask for.
const MAX_COLUMNS: usize = 1 << 20;

pub(super) fn prepare_vectorizer(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let widths: Option<Vec<usize>> =
        node.ints("inputdimensions")?.iter().map(|&width| usize::try_from(width).ok()).collect();
    let widths = widths.ok_or_else(|| node.corrupt("attribute 'inputdimensions' has a negative entry"))?;
    if widths.len() != inputs.len() {
        return Err(node.corrupt(format!("{} inputdimensions for {} inputs", widths.len(), inputs.len())));
    }
    let total = widths.iter().fold(0_usize, |total, &width| total.saturating_add(width));
    if total == 0 || total > MAX_COLUMNS {
        return Err(node.unsupported(format!("{total} columns, expected 1 to {MAX_COLUMNS}")));
    }
    for input in inputs {
        input.expect(&NUMBERS, node)?;
    }
    let rows = match inputs[0].dims.as_deref() {
        Some([_]) => Dim::Fixed(1),
        Some([rows, ..]) => rows.clone(),
        _ => Dim::ANY,
    };
    let output = Value::new(DType::Fp32, Some(vec![rows, Dim::Fixed(total)]));
    Ok(Prepared { kernel: Box::new(FeatureVectorizer { widths, total }), outputs: vec![output] })
}

impl Kernel for FeatureVectorizer {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let rows = row_count(inputs.get(0)?)?;
        let mut columns = vec![0.0; rows * self.total];
        let mut start = 0;
        for (input, &width) in inputs.iter().zip(&self.widths) {
            let input = input?;
            if row_count(input)? != rows {
                return Err(invalid(format!("inputs of {rows} and {} rows", row_count(input)?)));
            }
            let values = f32::of(input)?;
            let from = values.len() / rows.max(1);
            // An input of fewer columns leaves zeros behind it, one of more is cut, as in ONNX Runtime.
            let taken = from.min(width);
            for (row, target) in values.chunks_exact(from.max(1)).zip(columns.chunks_exact_mut(self.total)) {
                target[start..start + taken].copy_from_slice(&row[..taken]);
            }
            start += width;
        }
        outputs.push(tensor(Shape::new([rows, self.total]), columns)?);
        Ok(())
    }
}

/// Rows of an input of any rank. A request of endless empty rows would cost it nothing and the server everything.
fn row_count(input: &Tensor) -> Result<usize, RunError> {
    match **input.shape() {
        [] => Err(invalid("the input is a scalar")),
        [_] => Ok(1),
        [rows, ..] if rows > 0 && input.is_empty() => Err(invalid(format!("{rows} rows without columns"))),
        [rows, ..] => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Shape, Tensor};

    use crate::onnx::testing::{Value::Ints, int64_tensor, ml_node};
    use crate::tabular::testing::{Case, floats, load_error, numbers, run, run_error};

    fn extractor(positions: &[i64], axes: &[&str]) -> Case {
        let length = i64::try_from(positions.len()).unwrap();
        Case::new(ml_node("ArrayFeatureExtractor", &["x", "i"], &["y"]), axes).initializer(int64_tensor(
            "i",
            &[1, length],
            positions,
        ))
    }

    #[test]
    fn columns_are_taken_in_the_order_asked_for() {
        let input = floats(&[2, 2], &[0.25, 0.5, -1.0, 0.25]);
        let output = extractor(&[1, 0, 1], &["", "2"]).run(input);
        assert_eq!(output[0], floats(&[2, 3], &[0.5, 0.25, 0.5, 0.25, -1.0, 0.25]));
        let output = extractor(&[1], &["2"]).run(floats(&[2], &[0.25, 0.5]));
        assert_eq!(output[0], floats(&[1, 1], &[0.5]));
    }

    #[test]
    fn strings_are_columns_as_well() {
        let strings = Tensor::from_strings(Shape::new([1, 2]), vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let output = extractor(&[1, 1], &["", "2"]).of_strings().run(strings);
        assert_eq!(output[0].as_strings().unwrap(), ["b", "b"]);
    }

    #[test]
    fn positions_outside_of_the_row_are_refused() {
        for position in [-1, 2] {
            let error = extractor(&[position], &["", "2"]).load().unwrap_err();
            let expected = format!("position {position} is not among 2 columns");
            assert!(error.detail().ends_with(&expected), "{error}");
            let error = extractor(&[position], &["", ""]).run_error(floats(&[1, 2], &[0.0, 0.0]));
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn inputs_stand_side_by_side_padded_or_cut() {
        let node = ml_node("FeatureVectorizer", &["x", "x"], &["y"]).with("inputdimensions", Ints(&[1, 3]));
        let output = run(node.clone(), floats(&[2, 2], &[0.25, 0.5, -1.0, 0.25]));
        assert_eq!(output[0], floats(&[2, 4], &[0.25, 0.25, 0.5, 0.0, -1.0, -1.0, 0.25, 0.0]));
        assert_eq!(run(node.clone(), numbers::<i64>(&[2], &[1, 2]))[0], floats(&[1, 4], &[1.0, 1.0, 2.0, 0.0]));
        assert_eq!(run(node.clone(), floats(&[0, 2], &[]))[0], floats(&[0, 4], &[]));
        let error = run_error(node, floats(&[1 << 40, 0], &[]));
        assert!(error.to_string().ends_with("1099511627776 rows without columns"), "{error}");
    }

    #[test]
    fn a_vectorizer_needs_sane_widths() {
        let node = |widths| ml_node("FeatureVectorizer", &["x"], &["y"]).with("inputdimensions", Ints(widths));
        assert!(load_error(node(&[]), &["", "2"]).detail().ends_with("0 inputdimensions for 1 inputs"));
        assert!(load_error(node(&[-1]), &["", "2"]).detail().ends_with("has a negative entry"));
        assert!(load_error(node(&[1 << 40]), &["", "2"]).detail().contains("1099511627776 columns"));
    }
}
