//! Changes in an encoded message that leave the rest of it byte for byte as it was, also what [`super::proto`] does not have.
//!
//! The format is that of protocol buffers, "Encoding". What is changed here was decoded before; where a message
//! nevertheless breaks off, so does the copy, and whoever reads it refuses it.

use prost::{decode_length_delimiter, encode_length_delimiter};

/// What a message's embedded messages become, by their field.
pub(crate) type Change<'a> = dyn FnMut(usize, &[u8]) -> Option<Vec<u8>> + 'a;

/// A field of a message in its encoded form.
struct Encoded<'a> {
    /// Key and all.
    whole: &'a [u8],
    /// What may be an embedded message.
    message: Option<&'a [u8]>,
}

/// The message with each embedded message that `change` gives a new form in that form, and the rest byte for byte.
pub(crate) fn map_fields(content: &[u8], change: &mut Change<'_>) -> Vec<u8> {
    let mut mapped = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((field, payload)) = next_field(&mut rest) {
        match payload.message.and_then(|message| change(field, message)) {
            Some(message) => put(&mut mapped, field, &message),
            None => mapped.extend_from_slice(payload.whole),
        }
    }
    mapped
}

/// The message without these fields.
pub(super) fn without_fields(content: &[u8], fields: &[usize]) -> Vec<u8> {
    let (mut kept, mut rest) = (Vec::new(), content);
    while let Some((field, payload)) = next_field(&mut rest) {
        if !fields.contains(&field) {
            kept.extend_from_slice(payload.whole);
        }
    }
    kept
}

/// Adds an embedded message, text or bytes.
pub(crate) fn put(message: &mut Vec<u8>, field: usize, content: &[u8]) {
    put_varint(message, field << 3 | LENGTH_DELIMITED);
    put_varint(message, content.len());
    message.extend_from_slice(content);
}

/// Adds a number.
pub(super) fn put_number(message: &mut Vec<u8>, field: usize, number: usize) {
    put_varint(message, field << 3 | VARINT);
    put_varint(message, number);
}

/// Takes a field off the start of a message: a key is the field's number and, in its lowest three bits, the wire type.
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(usize, Encoded<'a>)> {
    let start = *rest;
    let key = decode_varint(rest)?;
    let (length, is_message) = match key & 7 {
        VARINT => (usize::from(decode_varint(rest).is_none()), false),
        FIXED_64 => (8, false),
        LENGTH_DELIMITED => (decode_varint(rest)?, true),
        FIXED_32 => (4, false),
        _ => return None,
    };
    let (payload, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    let whole = &start[..start.len() - behind.len()];
    Some((key >> 3, Encoded { whole, message: is_message.then_some(payload) }))
}

const VARINT: usize = 0;
const FIXED_64: usize = 1;
const LENGTH_DELIMITED: usize = 2;
const FIXED_32: usize = 5;

fn decode_varint(rest: &mut &[u8]) -> Option<usize> {
    decode_length_delimiter(rest).ok()
}

fn put_varint(message: &mut Vec<u8>, number: usize) {
    // Fails only where a buffer is full, and a vector grows.
    let _ = encode_length_delimiter(number, message);
}
