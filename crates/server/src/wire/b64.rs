//! Bytes in JSON that need not be text: `{"b64": "aGk="}` (TensorFlow Serving's `api_rest.md`, "Encoding binary values").

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;

/// Padding is written, and may be left out by a caller.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded<'a> {
    #[serde(borrow)]
    b64: Cow<'a, str>,
}

/// Whether the text is such an object: that one key, with text behind it.
pub(super) fn is_encoded(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<Encoded<'_>>(text).is_ok()
}

/// The bytes of such an object; `None` for anything else.
pub(super) fn decode(text: &str) -> Option<Bytes> {
    let Encoded { b64 } = serde_json::from_str(text).ok()?;
    BASE64.decode(b64.as_bytes()).ok().map(Bytes::from)
}

/// Writes bytes as such an object.
pub(super) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"b64\":\"");
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
    out.extend_from_slice(b"\"}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_round_trip() {
        for bytes in [&b""[..], b"a", b"ab", b"abc", b"\xff\x00\xfe"] {
            let mut out = Vec::new();
            encode(&mut out, bytes);
            let text = String::from_utf8(out).unwrap();
            assert!(is_encoded(&text));
            assert_eq!(decode(&text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn padding_may_be_left_out_and_nothing_else() {
        assert_eq!(decode(r#"{ "b64": "YQ" }"#).unwrap(), "a");
        for wrong in [r#"{"b64":"Y"}"#, r#"{"b64":"YQ=","a":1}"#, r#"{"b64":1}"#, r#"{"b64":"Y Q="}"#, "\"YQ==\""] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
        assert!(!is_encoded(r#"{"b64":1}"#) && !is_encoded(r#"["b64"]"#));
    }
}
