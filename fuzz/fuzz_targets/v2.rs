//! A body that claims to be a v2 request in JSON: what is read is JSON, says what a tree of its values says, and comes back
//! the same through an answer. Every other outcome but a panic and a hang is right.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loadonce_core::Signature;
use loadonce_fuzz::wire::{assert_says, echo, encode_v2, is_json};
use loadonce_server::wire::v2::{Framing, decode_outputs, decode_request};
use serde_json::Value;

fuzz_target!(|content: &[u8]| {
    let body = Bytes::copy_from_slice(content);
    let Ok((_, request)) = decode_request(&body, Framing::Json, &Signature::default()) else { return };
    assert!(is_json(content));
    // A tree is not that deep, nor has it lone halves of surrogates, which may stand where nobody looks.
    if let Ok(tree) = serde_json::from_slice::<Value>(content) {
        for (position, input) in request.inputs.iter().enumerate() {
            assert_says(&input.tensor, &tree["inputs"][position]["data"]);
        }
    }
    let response = echo(request.inputs);
    if let Some(answer) = encode_v2(&response, false) {
        assert_eq!(decode_outputs(&answer.body.into(), Framing::Json).as_ref(), Ok(&response.outputs));
    }
});
