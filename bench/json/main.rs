//! A tensor of 150,528 elements (an image of 3x224x224) as JSON, read and written side by side with what others do.
//!
//! The contenders take turns in every round, so that what else happens on the machine happens to all; a figure is that of
//! the fastest round, which is disturbed least, and a ratio is to the first contender. Others read into a struct of `Vec<f32>`: singles by way
//! of doubles, `serde_json` without the last bit. The number parsers get the commas for free.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use loadonce_core::{DType, Dim, InferResponse, NamedTensor, Shape, Signature, Tensor, TensorSpec, Timing};
use loadonce_server::wire::v2::{Answerer, Framing, Wanted};
use loadonce_server::wire::{v1, v2};
use serde::Deserialize;
use serde_json::Value;

const ROUNDS: usize = 61;
const SHAPE: [usize; 4] = [1, 3, 224, 224];
const ELEMENTS: usize = 150_528;

#[derive(Deserialize)]
struct Request<D> {
    inputs: Vec<Input<D>>,
}

#[derive(Deserialize)]
struct Input<D> {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "shape")]
    _shape: Vec<usize>,
    #[serde(rename = "datatype")]
    _datatype: String,
    #[serde(rename = "data")]
    _data: D,
}

#[derive(Deserialize)]
struct Rows<D> {
    instances: Vec<D>,
}

type Image<T> = Vec<Vec<Vec<T>>>;

/// Something that is timed: a name, and the work.
type Contender<'a> = (&'a str, Box<dyn FnMut() + 'a>);

fn main() {
    let singles: Vec<f32> = random().map(|bits| scaled(bits >> 40) * 4.0 - 2.0).take(ELEMENTS).collect();
    let short: Vec<_> = singles.iter().map(f32::to_string).collect();
    let long: Vec<_> = singles.iter().map(|single| f64::from(*single).to_string()).collect();
    let pixels: Vec<_> = random().map(|bits| (bits >> 56).to_string()).take(ELEMENTS).collect();
    println!("| case | bytes | contender | fastest µs | ratio |\n| --- | --- | --- | --- | --- |");
    for (name, tokens) in [("shortest singles", &short), ("singles as doubles", &long)] {
        read_v2::<Vec<f32>>(&format!("v2 FP32 flat, {name}"), "FP32", &flat(tokens));
        read_v2::<Vec<Image<f32>>>(&format!("v2 FP32 nested, {name}"), "FP32", &nested(tokens, &SHAPE));
        read_v1(&format!("v1 FP32 rows, {name}"), &nested(tokens, &SHAPE));
        number_parsers(&format!("numbers, {name}"), tokens);
    }
    read_v2::<Vec<f64>>("v2 FP64 flat", "FP64", &flat(&long));
    read_v2::<Vec<u8>>("v2 UINT8 flat", "UINT8", &flat(&pixels));
    read_v2::<Vec<i64>>("v2 INT64 flat", "INT64", &flat(&pixels));
    read_v2::<Vec<f32>>("v2 FP32 of 4 elements", "FP32", "[5.1,3.5,1.4,0.2]");
    write("write FP32", Tensor::from_vec(Shape::new(SHAPE), singles.clone()).unwrap(), &singles);
    let integers: Vec<i64> = random().map(|bits| (bits >> (bits % 60 + 2)).cast_signed()).take(ELEMENTS).collect();
    write("write INT64", Tensor::from_vec(Shape::new(SHAPE), integers.clone()).unwrap(), &integers);
    writers(&singles);
}

fn read_v2<D: for<'de> Deserialize<'de>>(case: &str, datatype: &str, data: &str) {
    let json = format!(
        r#"{{"id":"a","inputs":[{{"name":"x","shape":[{}],"datatype":"{datatype}","data":{data}}}]}}"#,
        if data.len() < 100 { "1,4" } else { "1,3,224,224" }
    );
    let body = Bytes::copy_from_slice(json.as_bytes());
    let signature = signature(DType::Fp32);
    let mut copy = json.clone().into_bytes();
    let contenders: Vec<Contender<'_>> = vec![
        (
            "serde_json, typed",
            Box::new(|| drop(black_box(serde_json::from_slice::<Request<D>>(&body).unwrap().inputs))),
        ),
        ("loadonce", Box::new(|| drop(black_box(v2::decode_request(&body, Framing::Json, &signature).unwrap())))),
        ("serde_json, Value", Box::new(|| drop(black_box(serde_json::from_slice::<Value>(&body).unwrap())))),
        ("sonic-rs, typed", Box::new(|| drop(black_box(sonic_rs::from_slice::<Request<D>>(&body).unwrap().inputs)))),
        (
            "simd-json, typed",
            Box::new(|| {
                copy.copy_from_slice(&body);
                drop(black_box(simd_json::from_slice::<Request<D>>(&mut copy).unwrap().inputs));
            }),
        ),
    ];
    race(case, json.len(), contenders);
}

fn read_v1(case: &str, rows: &str) {
    let body = Bytes::from(format!(r#"{{"instances":{rows}}}"#));
    let signature = signature(DType::Fp32);
    let typed = || drop(black_box(serde_json::from_slice::<Rows<Image<f32>>>(&body).unwrap().instances));
    let ours = || drop(black_box(v1::decode_request(&body, &signature).unwrap()));
    race(case, body.len(), vec![("serde_json, typed", Box::new(typed)), ("loadonce", Box::new(ours))]);
}

/// From the text of numbers to singles.
fn number_parsers(case: &str, tokens: &[String]) {
    const FORMAT: u128 = lexical_core::format::JSON;
    let options = lexical_core::ParseFloatOptions::new();
    let all =
        |parse: &dyn Fn(&str) -> f32| drop(black_box(tokens.iter().map(|token| parse(token)).collect::<Vec<_>>()));
    let lexical = |token: &str| lexical_core::parse_with_options::<f32, FORMAT>(token.as_bytes(), &options).unwrap();
    let contenders: Vec<Contender<'_>> = vec![
        ("std", Box::new(|| all(&|token| token.parse().unwrap()))),
        ("fast-float2", Box::new(|| all(&|token| fast_float2::parse(token).unwrap()))),
        ("lexical-core", Box::new(|| all(&lexical))),
        ("serde_json", Box::new(|| all(&|token| serde_json::from_str(token).unwrap()))),
    ];
    race(case, tokens.iter().map(String::len).sum(), contenders);
}

fn write<T: serde::Serialize>(case: &str, tensor: Tensor, elements: &[T]) {
    let signature = signature(tensor.dtype());
    let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
    let response = InferResponse { id: None, outputs, timing: Timing::default() };
    let answerer = Answerer { name: "m", version: "1", signature: &signature };
    let ours = || v2::encode_response(answerer, &response, &Wanted::default()).unwrap().body;
    let length = ours().len();
    let contenders: Vec<Contender<'_>> = vec![
        ("serde_json, to_vec", Box::new(|| drop(black_box(serde_json::to_vec(elements).unwrap())))),
        ("loadonce", Box::new(|| drop(black_box(ours())))),
        ("sonic-rs, to_vec", Box::new(|| drop(black_box(sonic_rs::to_vec(elements).unwrap())))),
    ];
    race(case, length, contenders);
}

/// From singles to text, into a buffer that is large enough.
fn writers(singles: &[f32]) {
    let all = |write: &dyn Fn(&mut Vec<u8>, f32)| {
        let mut out = Vec::with_capacity(16 * singles.len());
        for single in singles {
            write(&mut out, *single);
        }
        drop(black_box(out));
    };
    let contenders: Vec<Contender<'_>> = vec![
        ("std", Box::new(|| all(&|out, single| write!(out, "{single}").unwrap()))),
        ("ryu", Box::new(|| all(&|out, single| out.extend(ryu::Buffer::new().format_finite(single).as_bytes())))),
        ("zmij", Box::new(|| all(&|out, single| out.extend(zmij::Buffer::new().format_finite(single).as_bytes())))),
        ("serde_json", Box::new(|| all(&|out, single| serde_json::to_writer(out, &single).unwrap()))),
    ];
    race("singles to text", 0, contenders);
}

fn race(case: &str, bytes: usize, mut contenders: Vec<Contender<'_>>) {
    let mut fastest = vec![f64::INFINITY; contenders.len()];
    for _ in 0..ROUNDS {
        for ((_, work), fastest) in contenders.iter_mut().zip(&mut fastest) {
            *fastest = fastest.min(time(work));
        }
    }
    for ((name, _), time) in contenders.iter().zip(&fastest) {
        println!("| {case} | {bytes} | {name} | {time:.1} | {:.2}x |", fastest[0] / time);
    }
}

/// Microseconds of one run, over as many as a millisecond holds.
fn time(work: &mut dyn FnMut()) -> f64 {
    let (mut runs, start) = (0_u32, Instant::now());
    while start.elapsed() < Duration::from_millis(1) {
        work();
        runs += 1;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(runs)
}

fn signature(dtype: DType) -> Signature {
    let tensor = |name| TensorSpec::new(name, dtype, [Dim::ANY, Dim::Fixed(3), Dim::Fixed(224), Dim::Fixed(224)]);
    Signature { inputs: vec![tensor("x")], outputs: vec![tensor("y")] }
}

fn flat(tokens: &[String]) -> String {
    format!("[{}]", tokens.join(","))
}

fn nested(tokens: &[String], shape: &[usize]) -> String {
    let [length, inner @ ..] = shape else { return tokens[0].clone() };
    let parts: Vec<_> = tokens.chunks(tokens.len() / length).map(|part| nested(part, inner)).collect();
    flat(&parts)
}

/// From 0 to 1, of 24 bits.
fn scaled(bits: u64) -> f32 {
    f32::from_bits(0x3f80_0000 | u32::try_from(bits >> 1).unwrap_or_default()) - 1.0
}

/// The same numbers every time (G. Marsaglia, "Xorshift RNGs", 2003).
fn random() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(0x2545_f491_4f6c_dd1d_u64), |state| {
        let state = state ^ state << 13;
        let state = state ^ state >> 7;
        Some(state ^ state << 17)
    })
}
