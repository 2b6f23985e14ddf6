//! What a file is that was meant to be ONNX and is not: another format, or the beginning of a model.
//!
//! Nothing here decides what is read. A file that can be read as ONNX is never asked about, so a guess costs a better
//! message at most.

use loadonce_core::{LoadError, LoadErrorKind};

const FETCH: &str = "fetch the file again";
const UNPACK: &str = "unpack it, and serve the model inside";
const EXPORT: &str = "export the model to ONNX";

/// The start of a file of another format, what to call that, and what to do.
const FORMATS: [(&[u8], &str, &str); 20] = [
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer: the file's content was never fetched",
        "run 'git lfs pull'",
    ),
    (b"<<<<<<< ", "a file with a conflict of a Git merge", "check the file out of one of the branches"),
    (b"PK\x03\x04", "a zip archive (a PyTorch checkpoint, TorchScript, a Keras or a NumPy file)", EXPORT),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras)", EXPORT),
    (b"\x93NUMPY", "a NumPy array", EXPORT),
    (b"TFL3", "a TensorFlow Lite file", EXPORT),
    (b"RTEN", "an RTen file", "serve the ONNX file that it was made from"),
    (b"GGUF", "a GGUF file (llama.cpp)", EXPORT),
    (b"CBM1", "a CatBoost file", "export the model with save_model(.., format='onnx')"),
    (b"binf", "an XGBoost binary file", "save the model as JSON (save_model('model.json'))"),
    (b"{L\0\0\0\0\0\0\0", "UBJSON", "name it model.ubj if XGBoost wrote it"),
    (b"tree\n", "a LightGBM text file", "name it model.txt"),
    (b"\x80\x02", PICKLE.0, PICKLE.1),
    (b"\x80\x03", PICKLE.0, PICKLE.1),
    (b"\x80\x04", PICKLE.0, PICKLE.1),
    (b"\x80\x05", PICKLE.0, PICKLE.1),
];

const PICKLE: (&str, &str) = ("a Python pickle", "convert the model to ONNX (scikit-learn: skl2onnx)");

/// Bytes looked at; marks that stand deeper in a file are not those of the formats named here.
const HEAD: usize = 512;

/// A better error for content that is no ONNX, if it is something known.
pub(super) fn explain(content: &[u8]) -> Option<LoadError> {
    let error = |detail: String| LoadError::new(LoadErrorKind::Corrupt, detail);
    if let Some((kind, advice)) = other_format(content) {
        return Some(error(format!("expected an ONNX file, but it is {kind}")).advise(advice));
    }
    let (got, needed) = (content.len(), length_of_model(content)?);
    Some(error(format!("the ONNX file is cut short: it has {got} bytes of {needed} or more")).advise(FETCH))
}

fn other_format(content: &[u8]) -> Option<(&'static str, &'static str)> {
    let head = &content[..content.len().min(HEAD)];
    if head.is_empty() {
        return Some(("empty", FETCH));
    }
    if head.iter().all(|&byte| byte == 0) {
        return Some(("nothing but zeros: it was never written to the end", FETCH));
    }
    let known = FORMATS.iter().find(|(start, ..)| head.starts_with(start)).map(|(_, kind, advice)| (*kind, *advice));
    known.or_else(|| by_second_word(head)).or_else(|| text(head))
}

/// Formats whose mark is not at the very start.
fn by_second_word(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if head.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", UNPACK));
    }
    match head.get(4..8)? {
        b"TFL3" => Some(("a TensorFlow Lite file", EXPORT)),
        b"ORTM" => Some(("a model in ONNX Runtime's own format", "serve the ONNX file that it was made from")),
        // A length of 64 bits, then JSON (the format's description at huggingface.co/docs/safetensors).
        b"\0\0\0\0" if head.get(8) == Some(&b'{') => Some(("a safetensors file: weights without a graph", EXPORT)),
        _ => None,
    }
}

/// What kind of text it is, if it is text: a protocol buffer goes on with lengths and numbers after its first bytes.
fn text(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) {
        return None;
    }
    match head.trim_ascii_start() {
        [] => Some(("white space", FETCH)),
        [b'<', ..] => Some(("HTML or XML: perhaps the page of a failed download", FETCH)),
        [b'{' | b'[', ..] => Some(("JSON", "name it model.json if XGBoost wrote it")),
        _ if head.is_ascii() => Some(("text: perhaps the message of a failed download", FETCH)),
        _ => None,
    }
}

/// Bytes that the model must have, if its content breaks off within one of its parts.
fn length_of_model(content: &[u8]) -> Option<u64> {
    /// Fields of `ModelProto` that are numbers, and those that have a length.
    const NUMBERS: [u64; 2] = [1, 5];
    const PARTS: [u64; 10] = [2, 3, 4, 6, 7, 8, 14, 20, 25, 26];

    let mut rest = content;
    loop {
        let key = varint(&mut rest)?;
        let value = varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (field, 0) if NUMBERS.contains(&field) => {}
            (field, 2) if PARTS.contains(&field) => match usize::try_from(value).ok().and_then(|end| rest.get(end..)) {
                Some(after) => rest = after,
                None => return ((content.len() - rest.len()) as u64).checked_add(value),
            },
            _ => return None,
        }
    }
}

/// Reads a number of a protocol buffer: seven bits a byte, the lowest first, a set high bit where more follow.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content: &[u8]) -> Option<String> {
        explain(content).map(|error| error.to_string())
    }

    #[test]
    fn files_of_other_formats_are_told_by_their_first_bytes() {
        let mut tar = vec![0; 300];
        tar[..5].copy_from_slice(b"model");
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str); 20] = [
            (b"", "empty; fetch the file again"),
            (&[0; 100], "nothing but zeros: it was never written to the end; fetch the file again"),
            (b"\x80\x04\x95\x10", "a Python pickle; convert the model to ONNX (scikit-learn: skl2onnx)"),
            (b"<!DOCTYPE html>", "HTML or XML: perhaps the page of a failed download; fetch the file again"),
            (b"\xef\xbb\xbf\n<html>", "HTML or XML: perhaps the page of a failed download; fetch the file again"),
            (b"Not Found\n", "text: perhaps the message of a failed download; fetch the file again"),
            (b"\n {\"learner\": {}}", "JSON; name it model.json if XGBoost wrote it"),
            (b"{L\0\0\0\0\0\0\0\x07learner", "UBJSON; name it model.ubj if XGBoost wrote it"),
            (
                b"PK\x03\x04\x14\x00",
                "a zip archive (a PyTorch checkpoint, TorchScript, a Keras or a NumPy file); export the model to ONNX",
            ),
            (b"\x1f\x8b\x08", "a gzip archive; unpack it, and serve the model inside"),
            (&tar, "a tar archive; unpack it, and serve the model inside"),
            (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file (Keras); export the model to ONNX"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
                "a Git LFS pointer: the file's content was never fetched; run 'git lfs pull'",
            ),
            (b"<<<<<<< HEAD\n", "a file with a conflict of a Git merge; check the file out of one of the branches"),
            (b"\x1c\0\0\0TFL3", "a TensorFlow Lite file; export the model to ONNX"),
            (b"\x20\0\0\0ORTM", "a model in ONNX Runtime's own format; serve the ONNX file that it was made from"),
            (
                b"\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\"",
                "a safetensors file: weights without a graph; export the model to ONNX",
            ),
            (b"GGUF\x03\0\0\0", "a GGUF file (llama.cpp); export the model to ONNX"),
            (b"CBM1\x10\0\0\0", "a CatBoost file; export the model with save_model(.., format='onnx')"),
            (b" \n", "white space; fetch the file again"),
        ];
        for (content, expected) in cases {
            assert_eq!(told(content), Some(format!("expected an ONNX file, but it is {expected}")), "{content:?}");
        }
    }

    #[test]
    fn a_model_cut_short_is_told_by_the_length_of_its_part() {
        // ir_version 10, then a graph of 300 bytes, of which two are there.
        let told = told(&[0x08, 10, 0x3a, 0xac, 0x02, 0x0a, 0x05]);
        let expected = "the ONNX file is cut short: it has 7 bytes of 305 or more; fetch the file again";
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn nothing_is_said_of_bytes_that_could_be_anything() {
        let endless = [0xff; 20];
        let huge = [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for content in
            [&[0x08, 0x0a, 0x12, 0x01, b'a'][..], &[b'{', 0x01, b'a'], &[0x7f, b'E', b'L', b'F'], &endless, &huge]
        {
            assert_eq!(told(content), None, "{content:?}");
        }
    }
}
