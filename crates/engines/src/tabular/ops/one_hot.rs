//! `OneHotEncoder` (ai.onnx.ml 1): every element becomes a row of zeros with a one at the number of its category. Takes
//! `BYTES` or numbers `[..]`, gives `FP32 [..,categories]`.

use std::collections::HashMap;

use bytes::Bytes;
use loadonce_core::{DType, Dim, LoadError, RunError, Shape, Tensor};

use crate::tabular::kernel::{Inputs, Kernel, Prepared, Value, invalid, room, tensor};
use crate::tabular::node::Node;
use crate::tabular::numbers::{Real, elements};

#[derive(Debug)]
struct OneHotEncoder {
    categories: Categories,
    /// How many the model has, repeated ones included.
    count: usize,
    /// Whether an unknown category is a row of zeros; it is refused otherwise.
    allows_unknown: bool,
}

/// The number of each category; the last one where a category is repeated, as in ONNX Runtime.
#[derive(Debug)]
enum Categories {
    Ints(HashMap<i64, usize>),
    Strings(HashMap<Bytes, usize>),
}

pub(super) fn prepare(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let input = &inputs[0];
    input.expect(&[DType::Bytes, DType::Int64, DType::Int32, DType::Fp32, DType::Fp64], node)?;
    let (ints, strings) = (node.ints("cats_int64s")?, node.strings("cats_strings")?);
    let (categories, count) = match (input.dtype, ints, strings) {
        (_, [_, ..], [_, ..]) => return Err(node.corrupt("both 'cats_int64s' and 'cats_strings' have entries")),
        (DType::Bytes, [], [_, ..]) => {
            // Copies: a slice would keep the whole file in memory.
            let numbers = strings.iter().map(|text| Bytes::copy_from_slice(text)).zip(0..);
            (Categories::Strings(numbers.collect()), strings.len())
        }
        (dtype, [_, ..], []) if dtype != DType::Bytes => {
            (Categories::Ints(ints.iter().copied().zip(0..).collect()), ints.len())
        }
        (dtype, _, _) => return Err(node.corrupt(format!("no categories for an input of {dtype}"))),
    };
    let dims = input.dims.as_ref().map(|dims| [&dims[..], &[Dim::Fixed(count)]].concat());
    let allows_unknown = node.int("zeros")?.unwrap_or(1) != 0;
    let kernel = OneHotEncoder { categories, count, allows_unknown };
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![Value::new(DType::Fp32, dims)] })
}

impl Kernel for OneHotEncoder {
    fn run(&self, inputs: &Inputs<'_>, outputs: &mut Vec<Tensor>) -> Result<(), RunError> {
        let input = inputs.get(0)?;
        let shape = Shape::new(input.shape().iter().copied().chain([self.count]));
        let mut ones = vec![0.0_f32; room(&shape, DType::Fp32)?];
        for (row, (index, number)) in ones.chunks_exact_mut(self.count).zip(self.numbers(input)?.iter().enumerate()) {
            match number {
                Some(number) => row[*number] = 1.0,
                None if self.allows_unknown => {}
                None => return Err(invalid(format!("element {index} is of no category of the model"))),
            }
        }
        outputs.push(tensor(shape, ones)?);
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        match &self.categories {
            Categories::Ints(numbers) => numbers.len() * size_of::<(i64, usize)>(),
            Categories::Strings(numbers) => numbers.keys().map(|text| text.len() + size_of::<(Bytes, usize)>()).sum(),
        }
    }
}

impl OneHotEncoder {
    /// The number of each element's category, if it has one.
    fn numbers(&self, input: &Tensor) -> Result<Vec<Option<usize>>, RunError> {
        let categories = match &self.categories {
            Categories::Ints(categories) => categories,
            Categories::Strings(categories) => {
                let texts = input.as_strings().map_err(|error| RunError::Failed(error.to_string()))?;
                return Ok(texts.iter().map(|text| categories.get(text).copied()).collect());
            }
        };
        if input.dtype() == DType::Int64 {
            return Ok(elements::<i64>(input)?.iter().map(|category| categories.get(category).copied()).collect());
        }
        let whole = f64::of(input)?;
        Ok(whole.iter().map(|&value| categories.get(&whole_part(value)?).copied()).collect())
    }
}

/// The fraction is cut off, as the specification has it; what no integer holds is no category.
fn whole_part(value: f64) -> Option<i64> {
    /// The first whole number above all of 64 bits.
    const END: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "a cut is asked for, and the range was checked")]
    (-END..END).contains(&value).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Shape, Tensor};

    use crate::onnx::proto::NodeProto;
    use crate::onnx::testing::{
        Value::{Int, Ints, Texts},
        ml_node,
    };
    use crate::tabular::testing::{floats, load_error, numbers, plan, run, run_error};

    fn of_ints(categories: &[i64]) -> NodeProto {
        ml_node("OneHotEncoder", &["x"], &["y"]).with("cats_int64s", Ints(categories))
    }

    #[test]
    fn a_category_is_a_one_in_a_row_of_its_own() {
        let output = run(of_ints(&[1, 0, -1]), numbers::<i64>(&[2, 1], &[-1, 5]));
        assert_eq!(output[0], floats(&[2, 1, 3], &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]));
        let strings = Tensor::from_strings(Shape::new([2]), vec!["é".to_owned(), "c".to_owned()]).unwrap();
        let node = ml_node("OneHotEncoder", &["x"], &["y"]).with("cats_strings", Texts(&["a", "é"]));
        assert_eq!(run(node, strings)[0], floats(&[2, 2], &[0.0, 1.0, 0.0, 0.0]));
    }

    #[test]
    fn floats_are_cut_to_whole_numbers_and_what_is_none_is_no_category() {
        let output = run(of_ints(&[1, 0]), floats(&[4], &[1.7, -0.5, f32::NAN, 1e30]));
        assert_eq!(output[0], floats(&[4, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]));
        assert_eq!(run(of_ints(&[1, 0]), numbers::<i32>(&[1], &[1]))[0], floats(&[1, 2], &[1.0, 0.0]));
    }

    #[test]
    fn an_unknown_category_is_refused_where_the_model_says_so() {
        let error = run_error(of_ints(&[1, 0]).with("zeros", Int(0)), numbers::<i64>(&[2], &[1, 7]));
        assert!(error.to_string().ends_with("element 1 is of no category of the model"), "{error}");
    }

    #[test]
    fn a_short_request_for_many_categories_does_not_take_all_memory() {
        let categories: Vec<i64> = (0..1000).collect();
        let error = run_error(of_ints(&categories), numbers::<i64>(&[1 << 19], &vec![0; 1 << 19]));
        assert!(error.to_string().contains("a tensor of FP32 [524288,1000] is too large"), "{error}");
    }

    #[test]
    fn categories_must_be_of_the_inputs_kind() {
        let node = ml_node("OneHotEncoder", &["x"], &["y"]).with("cats_strings", Texts(&["a"]));
        assert!(load_error(node.clone(), &["", "2"]).detail().ends_with("no categories for an input of FP32"));
        let error = load_error(node.with("cats_int64s", Ints(&[1])), &["", "2"]);
        assert!(error.detail().ends_with("both 'cats_int64s' and 'cats_strings' have entries"), "{error}");
        assert_eq!(plan(of_ints(&[1, 0]), &["n", "2"]).unwrap().signature().outputs[0].to_string(), "FP32 [n,2,2]");
    }
}
