//! What a file looks like that was meant to be ONNX.

/// The start of a file of another kind and what to call that kind.
const SIGNATURES: [(&[u8], &str); 9] = [
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer: the file's content was never fetched"),
    (b"PK\x03\x04", "a zip archive (a PyTorch checkpoint, a Keras or a NumPy file)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"TFL3", "a TensorFlow Lite file"),
    (b"RTEN", "an RTen file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"binf", "an XGBoost binary file"),
    (b"tree\n", "a LightGBM text file"),
];

/// Bytes looked at; signatures that stand deeper in a file are not those of the kinds named here.
const HEAD: usize = 64;

/// Says what the content is if it is plainly no protocol buffer.
pub(super) fn other_kind(content: &[u8]) -> Option<&'static str> {
    if content.is_empty() {
        return Some("empty");
    }
    if let [0x80, 2..=5, ..] = content {
        return Some("a Python pickle");
    }
    if content.get(4..8) == Some(b"TFL3") {
        return Some("a TensorFlow Lite file");
    }
    let head = &content[..content.len().min(HEAD)];
    if let Some((_, kind)) = SIGNATURES.iter().find(|(start, _)| head.starts_with(start)) {
        return Some(kind);
    }
    match head.trim_ascii_start().first() {
        Some(b'<') if is_text(head) => Some("HTML or XML"),
        Some(b'{' | b'[') if is_text(head) => Some("JSON"),
        None => Some("white space"),
        _ => None,
    }
}

/// A protocol buffer may begin with any of the bytes that text begins with, but goes on with lengths and numbers.
fn is_text(head: &[u8]) -> bool {
    !head.iter().any(|&byte| byte < b' ' && !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_told_by_their_first_bytes() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "empty"),
            (b"\x80\x04\x95\x10", "a Python pickle"),
            (b"<!DOCTYPE html>", "HTML or XML"),
            (b"\n {\"learner\": {}}", "JSON"),
            (b"PK\x03\x04\x14\x00", "a zip archive (a PyTorch checkpoint, a Keras or a NumPy file)"),
            (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file (Keras)"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
                "a Git LFS pointer: the file's content was never fetched",
            ),
            (b"\x1c\0\0\0TFL3", "a TensorFlow Lite file"),
            (b" \n", "white space"),
        ];
        for (content, expected) in cases {
            assert_eq!(other_kind(content), Some(expected), "{content:?}");
        }
    }

    #[test]
    fn a_protocol_buffer_is_none_of_them() {
        assert_eq!(other_kind(&[0x08, 0x0a, 0x12, 0x08]), None);
        assert_eq!(other_kind(&[b'{', 0x01, b'a']), None);
    }
}
