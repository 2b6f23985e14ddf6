//! Requests made from a signature, for a model that nobody has a request for.
//!
//! All of it is bounded and seeded. A request has one to three rows, and other free axes of one length from 1 to 8; floats
//! from 0 to 1, integers from 0 to 9 (1 where the input's name has `mask` in it, 0 or 1 where it has `token_type`, of which most
//! models have no more), words. A model may refuse it.

use fastrand::Rng;

use super::named;
use crate::request::NamedTensor;
use crate::signature::{Dim, Signature, TensorSpec};
use crate::tensor::{DType, Element, Shape, Tensor};

/// Elements of an input that is made.
const MOST_ELEMENTS: usize = 1 << 20;

/// Makes one request after the other; the same ones from the same seed.
#[derive(Clone, Debug)]
pub struct RequestMaker {
    rng: Rng,
}

impl RequestMaker {
    /// The maker of that seed's requests.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed) }
    }

    /// The inputs of the next request. None where the signature does not say enough, or the elements are JSON.
    pub fn make(&mut self, signature: &Signature) -> Option<Vec<NamedTensor>> {
        let (rows, length) = (self.rng.usize(1..=3), self.rng.usize(1..=8));
        let tensors = signature.inputs.iter().map(|spec| made(spec, rows, length, &mut self.rng));
        Some(named(&signature.inputs, &tensors.collect::<Option<Vec<_>>>()?))
    }
}

fn made(spec: &TensorSpec, rows: usize, length: usize, rng: &mut Rng) -> Option<Tensor> {
    if spec.content.is_json() {
        return None;
    }
    let axes = spec.dims.as_ref()?.iter().enumerate().map(|(axis, dim)| match dim {
        Dim::Fixed(fixed) => *fixed,
        Dim::Dynamic(_) if axis == 0 => rows,
        Dim::Dynamic(_) => length,
    });
    let shape = Shape::new(axes);
    let count = shape.element_count().filter(|count| *count <= MOST_ELEMENTS)?;
    let integers = match &spec.name {
        name if name.contains("mask") => 1..2,
        name if name.contains("token_type") => 0..2,
        _ => 0..10,
    };
    let small = |rng: &mut Rng| rng.u8(integers.clone());
    match spec.dtype {
        DType::Bool => filled(shape, count, || rng.bool()),
        DType::Uint8 => filled(shape, count, || small(rng)),
        DType::Uint16 => filled(shape, count, || u16::from(small(rng))),
        DType::Uint32 => filled(shape, count, || u32::from(small(rng))),
        DType::Uint64 => filled(shape, count, || u64::from(small(rng))),
        DType::Int8 => filled(shape, count, || i8::try_from(small(rng)).unwrap_or_default()),
        DType::Int16 => filled(shape, count, || i16::from(small(rng))),
        DType::Int32 => filled(shape, count, || i32::from(small(rng))),
        DType::Int64 => filled(shape, count, || i64::from(small(rng))),
        DType::Fp16 => filled(shape, count, || half::f16::from_f32(rng.f32())),
        DType::Bf16 => filled(shape, count, || half::bf16::from_f32(rng.f32())),
        DType::Fp32 => filled(shape, count, || rng.f32()),
        DType::Fp64 => filled(shape, count, || rng.f64()),
        DType::Bytes => {
            let words: Vec<_> = (0..count).map(|_| WORDS[rng.usize(..WORDS.len())].to_owned()).collect();
            Tensor::from_strings(shape, words).ok()
        }
    }
}

const WORDS: [&str; 6] = ["a", "word", "and another", "é", "0", "the quick brown fox"];

fn filled<T: Element>(shape: Shape, count: usize, mut element: impl FnMut() -> T) -> Option<Tensor> {
    Tensor::from_vec(shape, (0..count).map(|_| element()).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Content;

    #[test]
    fn requests_fit_the_signature_and_are_those_of_the_seed() {
        let ids = TensorSpec::new("ids", DType::Int64, [Dim::ANY, Dim::named("length")]);
        let mask = TensorSpec::new("attention_mask", DType::Int64, [Dim::ANY, Dim::named("length")]);
        let text = TensorSpec::new("text", DType::Bytes, [Dim::ANY, Dim::Fixed(1)]);
        let signature = Signature { inputs: vec![ids, mask, text], outputs: vec![] };
        let (mut maker, mut other) = (RequestMaker::new(3), RequestMaker::new(3));
        for _ in 0..20 {
            let inputs = maker.make(&signature).unwrap();
            assert!(inputs[1].tensor.as_slice::<i64>().unwrap().iter().all(|element| *element == 1));
            assert_eq!(other.make(&signature).unwrap(), inputs);
            signature.arrange(inputs).unwrap();
        }
        assert_ne!(RequestMaker::new(4).make(&signature), RequestMaker::new(3).make(&signature));
    }

    #[test]
    fn nothing_is_made_of_what_a_signature_does_not_say() {
        let make = |spec| RequestMaker::new(1).make(&Signature { inputs: vec![spec], outputs: vec![] });
        let spec = TensorSpec::new("x", DType::Fp32, [Dim::ANY]);
        assert!(make(TensorSpec { dims: None, ..spec.clone() }).is_none());
        assert!(make(TensorSpec { dtype: DType::Bytes, content: Content::Json { schema: None }, ..spec }).is_none());
        assert!(make(TensorSpec::new("x", DType::Fp32, [Dim::Fixed(MOST_ELEMENTS), Dim::Fixed(2)])).is_none());
    }
}
