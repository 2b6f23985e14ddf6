//! A body that claims to be a v1 request for one of some models, which the first byte chooses: what is read is JSON, and
//! comes back the same through an answer. Every other outcome but a panic and a hang is right.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loadonce_core::{Content, DType, Dim, FillValue, Signature, TensorSpec};
use loadonce_fuzz::wire::{echo, is_json};
use loadonce_server::wire::v1::{Task, decode_examples, decode_outputs, decode_request, encode_response};

fn specs(choice: u8) -> Vec<TensorSpec> {
    let table = |dtype| TensorSpec::new("x", dtype, [Dim::ANY, Dim::Fixed(2)]);
    let mut named = table(DType::Fp32);
    named.columns = ["a", "b"].map(str::to_owned).to_vec();
    let mut filled = named.clone();
    filled.missing = Some(FillValue::Float(f64::NAN));
    let column = |name: &str, dtype| TensorSpec::new(name, dtype, [Dim::ANY]);
    match choice.wrapping_sub(b'0') % 7 {
        0 => vec![table(DType::Fp64)],
        1 => vec![named],
        2 => vec![filled],
        3 => vec![table(DType::Bytes)],
        4 => vec![column("a", DType::Int64), column("b", DType::Bytes), column("c", DType::Bool)],
        5 => vec![TensorSpec::new("x", DType::Uint8, [Dim::ANY, Dim::ANY, Dim::ANY])],
        _ => vec![TensorSpec { content: Content::Json { schema: None }, ..column("rows", DType::Bytes) }],
    }
}

fuzz_target!(|content: &[u8]| {
    let Some((choice, body)) = content.split_first() else { return };
    let signature = Signature { inputs: specs(*choice), outputs: specs(*choice) };
    for task in [Task::Classify, Task::Regress] {
        assert!(decode_examples(body, task, &signature).is_err() || is_json(body));
    }
    let Ok((field, request)) = decode_request(&Bytes::copy_from_slice(body), &signature) else { return };
    assert!(is_json(body));
    // A value alone is not told by name, so that an answer is only read where all are there.
    if request.inputs.len() == signature.outputs.len() {
        let response = echo(request.inputs);
        if let Ok(answer) = encode_response(field.format(), &signature, &response) {
            assert_eq!(decode_outputs(&answer.into(), &signature).as_ref(), Ok(&response.outputs));
        }
    }
});
