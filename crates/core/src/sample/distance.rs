//! How far apart two answers are.

use crate::request::NamedTensor;
use crate::tensor::{DType, Element, Tensor, raw};

/// The largest difference between floats of two answers that have the same outputs, in their own units: 0 where only other
/// bits differ, such as the sign of a zero; `None` where the answers are equal bit for bit.
pub fn largest_difference(one: &[NamedTensor], other: &[NamedTensor]) -> Option<f64> {
    let pairs = one.iter().filter_map(|named| {
        let same = other.iter().find(|output| output.name == named.name)?;
        (raw::to_bytes(&named.tensor) != raw::to_bytes(&same.tensor)).then_some((&named.tensor, &same.tensor))
    });
    pairs.map(|(one, other)| difference(one, other)).reduce(f64::max)
}

fn difference(one: &Tensor, other: &Tensor) -> f64 {
    match one.dtype() {
        DType::Fp16 => largest::<half::f16>(one, other),
        DType::Bf16 => largest::<half::bf16>(one, other),
        DType::Fp32 => largest::<f32>(one, other),
        DType::Fp64 => largest::<f64>(one, other),
        _ => 0.0,
    }
}

/// NaN beside NaN is no difference: `f64::max` leaves it out.
fn largest<T: Element + Into<f64>>(one: &Tensor, other: &Tensor) -> f64 {
    let [one, other] = [one, other].map(|tensor| tensor.as_slice::<T>().unwrap_or_default());
    let distances = one.iter().zip(other).map(|(one, other)| ((*one).into() - (*other).into()).abs());
    distances.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    fn floats(elements: &[f32]) -> Vec<NamedTensor> {
        let tensor = Tensor::from_vec(Shape::new([elements.len()]), elements.to_vec()).unwrap();
        vec![NamedTensor { name: "y".to_owned(), tensor }]
    }

    #[test]
    fn equal_bits_are_no_difference_and_the_largest_one_counts() {
        let one = floats(&[1.0, f32::NAN, 0.0]);
        assert_eq!(largest_difference(&one, &one), None);
        assert_eq!(largest_difference(&one, &floats(&[1.0, f32::NAN, -0.0])), Some(0.0));
        assert_eq!(largest_difference(&one, &floats(&[1.5, f32::NAN, -0.25])), Some(0.5));
    }
}
