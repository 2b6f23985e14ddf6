//! A body that claims to be a v2 request with tensors in binary form behind its JSON, whose length the first two bytes give,
//! or to be one tensor: what is read comes back the same through an answer in binary form.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loadonce_core::{DType, Dim, Signature, TensorSpec};
use loadonce_fuzz::wire::{echo, encode_v2, is_json};
use loadonce_server::wire::v2::{Framing, decode_request};

const HEAD: &[u8] = br#"{"model_name":"m","model_version":"1","outputs":["#;

fuzz_target!(|content: &[u8]| {
    let Some((length, body)) = content.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length));
    let body = Bytes::copy_from_slice(body);
    let signature = |dtype| Signature {
        inputs: vec![TensorSpec::new("x", dtype, [Dim::ANY, Dim::ANY, Dim::Fixed(3)])],
        outputs: Vec::new(),
    };
    for dtype in [DType::Bool, DType::Fp64, DType::Bytes] {
        let _ = decode_request(&body, Framing::Raw, &signature(dtype));
    }
    let Ok((_, request)) = decode_request(&body, Framing::Mixed(length), &Signature::default()) else { return };
    assert!(is_json(&body[..length]));
    let response = echo(request.inputs);
    let answer = encode_v2(&response, true).expect("binary form carries everything");
    // An answer becomes a request by the name of its tensors.
    let rest = answer.body.strip_prefix(HEAD).expect("an answer begins like this");
    let again = Bytes::from([br#"{"inputs":["#, rest].concat());
    let framing =
        answer.json_length.map_or(Framing::Json, |length| Framing::Mixed(length + again.len() - answer.body.len()));
    let (_, again) = decode_request(&again, framing, &Signature::default()).expect("an answer is well formed");
    assert_eq!(again.inputs, response.outputs);
});
