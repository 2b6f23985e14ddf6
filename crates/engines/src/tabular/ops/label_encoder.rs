//! `LabelEncoder` (ai.onnx.ml 1, 2 and 4) and `CategoryMapper` (ai.onnx.ml 1): elements of one dtype become those of
//! another, each by itself, in the same shape.
//!
//! Where the specification and ONNX Runtime differ, exporters test with the latter, and so do we: of a repeated key the
//! first entry counts (the specification of version 4 says the last), and in version 2 a NaN among the keys is found by
//! nothing (the specification says by NaN; from version 4 on both say so).

use bytes::Bytes;
use loadonce_core::{DType, Element, LoadError, Shape, Tensor, TensorError};

use super::mapping::{MAPPED, Mapping, Repeated, Rules};
use crate::tabular::kernel::{Prepared, Value};
use crate::tabular::node::Node;

/// Attributes of every version; each node is held to those of its own.
pub(super) const ENCODER_ATTRIBUTES: &[&str] = &[
    "classes_strings",
    "default_float",
    "default_int64",
    "default_string",
    "default_tensor",
    "keys_floats",
    "keys_int64s",
    "keys_strings",
    "keys_tensor",
    "values_floats",
    "values_int64s",
    "values_strings",
    "values_tensor",
];

const OF_VERSION_1: &[&str] = &["classes_strings", "default_int64", "default_string"];
const NEW_IN_VERSION_4: &[&str] = &["default_tensor", "keys_tensor", "values_tensor"];

pub(super) fn prepare_encoder(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    check_attributes(node)?;
    if node.version() < 2 {
        let classes = strings(node, "classes_strings")?;
        let numbers: Vec<i64> = (0..).take(classes.len()).collect();
        return between_texts_and_numbers(node, &inputs[0], classes, numbers);
    }
    let (keys, values) = (entries(node, "keys")?, entries(node, "values")?);
    let default = default(node, values.dtype())?;
    let rules = Rules { repeated: Repeated::First, finds_nan: node.version() >= 4 };
    mapping(node, &inputs[0], Mapping::new(&keys, &values, &default, rules), (keys.dtype(), values.dtype()))
}

pub(super) fn prepare_mapper(node: &Node<'_>, inputs: &[Value]) -> Result<Prepared, LoadError> {
    let numbers = node.ints("cats_int64s")?.to_vec();
    between_texts_and_numbers(node, &inputs[0], strings(node, "cats_strings")?, numbers)
}

fn check_attributes(node: &Node<'_>) -> Result<(), LoadError> {
    if node.version() < 2 {
        return node.check_attributes(OF_VERSION_1);
    }
    let is_known =
        |name: &&str| *name != "classes_strings" && (node.version() >= 4 || !NEW_IN_VERSION_4.contains(name));
    let known: Vec<&str> = ENCODER_ATTRIBUTES.iter().copied().filter(is_known).collect();
    node.check_attributes(&known)
}

/// The direction follows from the input. Of repeated entries the last one counts, as in ONNX Runtime.
fn between_texts_and_numbers(
    node: &Node<'_>,
    input: &Value,
    texts: Vec<Bytes>,
    numbers: Vec<i64>,
) -> Result<Prepared, LoadError> {
    let texts = list_of_strings(texts).map_err(|error| node.corrupt(error.to_string()))?;
    let numbers = list(numbers).map_err(|error| node.corrupt(error.to_string()))?;
    let (keys, values) = if input.dtype == DType::Bytes { (texts, numbers) } else { (numbers, texts) };
    let default = default(node, values.dtype())?;
    let rules = Rules { repeated: Repeated::Last, finds_nan: false };
    mapping(node, input, Mapping::new(&keys, &values, &default, rules), (keys.dtype(), values.dtype()))
}

fn mapping(
    node: &Node<'_>,
    input: &Value,
    mapping: Result<Mapping, String>,
    (from, to): (DType, DType),
) -> Result<Prepared, LoadError> {
    input.expect(&[from], node)?;
    let kernel = mapping.map_err(|detail| node.corrupt(detail))?;
    Ok(Prepared { kernel: Box::new(kernel), outputs: vec![Value::new(to, input.dims.clone())] })
}

/// The keys or the values, whichever dtype they are of.
fn entries(node: &Node<'_>, part: &str) -> Result<Tensor, LoadError> {
    let corrupt = |error: TensorError| node.corrupt(error.to_string());
    let lists = [
        list_of_strings(strings(node, &format!("{part}_strings"))?).map_err(corrupt)?,
        list(node.ints(&format!("{part}_int64s"))?.to_vec()).map_err(corrupt)?,
        list(node.floats(&format!("{part}_floats"))?.to_vec()).map_err(corrupt)?,
    ];
    let tensor = node.tensor(&format!("{part}_tensor"))?;
    let mut given = lists.into_iter().chain(tensor).filter(|list| !list.is_empty());
    let entries = given.next().ok_or_else(|| node.corrupt(format!("no attribute with {part}")))?;
    if given.next().is_some() {
        return Err(node.corrupt(format!("two attributes with {part}, expected one")));
    }
    if !MAPPED.contains(&entries.dtype()) {
        return Err(node.unsupported(format!("{part} of {}", entries.dtype())));
    }
    Ok(entries)
}

/// What stands for elements that are no key: `default_tensor` or the attribute of the values' dtype, else what the
/// specification has for their kind. For dtypes that only a tensor can hold ONNX Runtime passes `default_float` and
/// `default_int64` over.
fn default(node: &Node<'_>, dtype: DType) -> Result<Tensor, LoadError> {
    if let Some(tensor) = node.tensor("default_tensor")? {
        return Ok(tensor);
    }
    let tensor = match dtype {
        DType::Fp32 => list(vec![node.float("default_float")?.unwrap_or(-0.0)]),
        DType::Int64 => list(vec![node.int("default_int64")?.unwrap_or(-1)]),
        DType::Fp64 => list(vec![-0.0_f64]),
        DType::Int32 => list(vec![-1_i32]),
        DType::Int16 => list(vec![-1_i16]),
        _ => {
            let text = node.text("default_string")?.unwrap_or("_Unused");
            list_of_strings(vec![Bytes::copy_from_slice(text.as_bytes())])
        }
    };
    tensor.map_err(|error| node.corrupt(error.to_string()))
}

/// Copies: a slice would keep the whole file in memory.
fn strings(node: &Node<'_>, name: &str) -> Result<Vec<Bytes>, LoadError> {
    Ok(node.strings(name)?.iter().map(|text| Bytes::copy_from_slice(text)).collect())
}

fn list<T: Element>(elements: Vec<T>) -> Result<Tensor, TensorError> {
    Tensor::from_vec(Shape::new([elements.len()]), elements)
}

fn list_of_strings(strings: Vec<Bytes>) -> Result<Tensor, TensorError> {
    Tensor::from_strings(Shape::new([strings.len()]), strings)
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Shape, Tensor};

    use crate::onnx::proto::NodeProto;
    use crate::onnx::testing::{
        Value::{Floats, Int, Ints, Text, Texts},
        ml_node,
    };
    use crate::tabular::testing::{Case, floats, numbers};

    fn texts(elements: &[&str]) -> Tensor {
        let elements: Vec<String> = elements.iter().map(|&text| text.to_owned()).collect();
        Tensor::from_strings(Shape::new([elements.len()]), elements).unwrap()
    }

    fn encoder() -> NodeProto {
        ml_node("LabelEncoder", &["x"], &["y"])
    }

    fn of(node: NodeProto, version: i64) -> Case {
        Case::new(node, &[""]).ml_version(version)
    }

    #[test]
    fn version_1_counts_its_classes() {
        let node = encoder().with("classes_strings", Texts(&["a", "é", "a"]));
        let output = of(node.clone(), 1).of_strings().run(texts(&["é", "a", "b"]));
        assert_eq!(output[0], numbers::<i64>(&[3], &[1, 2, -1]));
        let node = node.with("default_string", Text("?"));
        let case = of(node, 1).of_type(crate::onnx::proto::data_type::INT64);
        assert_eq!(case.run(numbers::<i64>(&[3], &[1, 0, 3]))[0].as_strings().unwrap(), ["é", "a", "?"]);
    }

    #[test]
    fn keys_are_looked_up_and_the_first_of_a_kind_counts() {
        let node = encoder().with("keys_floats", Floats(&[1.0, 1.0, f32::NAN, -0.0]));
        let node = node.with("values_int64s", Ints(&[1, 2, 3, 4]));
        let input = || floats(&[4], &[1.0, f32::NAN, 0.0, 7.0]);
        assert_eq!(of(node.clone(), 2).run(input())[0], numbers::<i64>(&[4], &[1, -1, 4, -1]));
        assert_eq!(of(node, 4).run(input())[0], numbers::<i64>(&[4], &[1, 3, 4, -1]));
    }

    #[test]
    fn each_version_has_its_own_attributes() {
        let node = encoder().with("classes_strings", Texts(&["a"]));
        let error = of(node, 2).of_strings().load().unwrap_err();
        assert!(error.detail().ends_with("attribute 'classes_strings' is not supported"), "{error}");
        let node = encoder().with("keys_strings", Texts(&["a"])).with("values_int64s", Ints(&[1]));
        let error = of(node, 1).of_strings().load().unwrap_err();
        assert!(error.detail().ends_with("attribute 'keys_strings' is not supported"), "{error}");
    }

    #[test]
    fn a_table_that_does_not_hold_together_is_corrupt() {
        let keys = || encoder().with("keys_strings", Texts(&["a", "b"]));
        let cases = [
            (keys(), "no attribute with values"),
            (keys().with("values_int64s", Ints(&[1])), "2 keys for 1 values"),
            (
                keys().with("keys_int64s", Ints(&[1, 2])).with("values_int64s", Ints(&[1, 2])),
                "two attributes with keys, expected one",
            ),
        ];
        for (node, expected) in cases {
            let error = of(node, 4).of_strings().load().unwrap_err();
            assert!(error.detail().ends_with(expected), "{error}");
        }
        let error = of(keys().with("values_int64s", Ints(&[1, 2])), 4).load().unwrap_err();
        assert!(error.detail().ends_with("got an input of FP32, expected one of BYTES"), "{error}");
    }

    #[test]
    fn a_mapper_goes_both_ways() {
        let node = ml_node("CategoryMapper", &["x"], &["y"])
            .with("cats_strings", Texts(&["a", "b", "a"]))
            .with("cats_int64s", Ints(&[5, 6, 7]))
            .with("default_int64", Int(0));
        assert_eq!(of(node.clone(), 1).of_strings().run(texts(&["a", "b", "c"]))[0], numbers::<i64>(&[3], &[7, 6, 0]));
        let case = of(node, 1).of_type(crate::onnx::proto::data_type::INT64);
        assert_eq!(case.run(numbers::<i64>(&[2], &[5, 9]))[0].as_strings().unwrap(), ["a", "_Unused"]);
    }
}
