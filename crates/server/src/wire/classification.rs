//! Classification: the best classes of an output by name, in place of all scores (`extension_classification.md`).

use std::cmp::Ordering;
use std::fmt::Debug;

use bytes::Bytes;
use half::{bf16, f16};
use loadonce_core::{DType, Element, NamedTensor, Shape, Signature, Tensor};

use super::WireError;

/// The output as strings `SCORE:INDEX` or `SCORE:INDEX:LABEL`, the best `count` of each row, best first; of equal
/// scores, the first.
pub(super) fn classify(output: &NamedTensor, count: usize, signature: &Signature) -> Result<NamedTensor, WireError> {
    let NamedTensor { name, tensor } = output;
    let labels = signature.output(name).map(|(_, spec)| spec.labels.as_slice()).unwrap_or_default();
    let strings = match tensor.dtype() {
        DType::Fp64 => best(tensor, count, labels, |score: f64| score),
        DType::Fp32 => best(tensor, count, labels, |score: f32| score),
        DType::Fp16 => best(tensor, count, labels, f16::to_f32),
        DType::Bf16 => best(tensor, count, labels, bf16::to_f32),
        DType::Int64 => best(tensor, count, labels, |score: i64| score),
        DType::Int32 => best(tensor, count, labels, |score: i32| score),
        DType::Int16 => best(tensor, count, labels, |score: i16| score),
        DType::Int8 => best(tensor, count, labels, |score: i8| score),
        DType::Uint64 => best(tensor, count, labels, |score: u64| score),
        DType::Uint32 => best(tensor, count, labels, |score: u32| score),
        DType::Uint16 => best(tensor, count, labels, |score: u16| score),
        DType::Uint8 => best(tensor, count, labels, |score: u8| score),
        DType::Bool | DType::Bytes => None,
    };
    let Some((width, strings)) = strings else {
        let detail = format!("is {} {}, expected rows of scores", tensor.dtype(), tensor.shape());
        return Err(WireError::form(format!("the classification of output '{name}'"), detail));
    };
    let axes = tensor.shape().len().saturating_sub(1);
    let shape = Shape::new(tensor.shape()[..axes].iter().copied().chain([width]));
    let tensor =
        Tensor::from_strings(shape, strings).map_err(|error| WireError::form(name.clone(), error.to_string()))?;
    Ok(NamedTensor { name: name.clone(), tensor })
}

/// The strings of all rows, and how many a row has; nothing for what has no rows.
fn best<T: Element, S: PartialOrd + Debug>(
    tensor: &Tensor,
    count: usize,
    labels: &[String],
    score: impl Fn(T) -> S,
) -> Option<(usize, Vec<Bytes>)> {
    let classes = *tensor.shape().last()?;
    let width = count.min(classes);
    let mut strings = Vec::new();
    for row in tensor.as_slice::<T>().ok()?.chunks_exact(classes.max(1)) {
        let mut order: Vec<usize> = (0..classes).collect();
        // What is not a number is no score: it comes last.
        order.sort_by(|left, right| descending(&score(row[*left]), &score(row[*right])));
        strings.extend(order[..width].iter().map(|index| text(&score(row[*index]), *index, labels)));
    }
    Some((width, strings))
}

fn descending<S: PartialOrd>(left: &S, right: &S) -> Ordering {
    let is_number = |score: &S| score.partial_cmp(score).is_some();
    right.partial_cmp(left).unwrap_or_else(|| is_number(right).cmp(&is_number(left)))
}

/// The score in the shortest form that reads back exactly.
fn text(score: &impl Debug, index: usize, labels: &[String]) -> Bytes {
    match labels.get(index) {
        Some(label) => format!("{score:?}:{index}:{label}").into(),
        None => format!("{score:?}:{index}").into(),
    }
}
