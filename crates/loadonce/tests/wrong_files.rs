//! Files that are no models, or not whole ones, as a user comes to have them: each is a load failure that says what the
//! file is and what to do, and never a crash.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Ended, Folder, example, run};

fn check(folder: &Folder) -> Ended {
    run(["check", folder.path().to_str().unwrap()])
}

/// Expects exit code 12 and one line on stderr, which names the model and its file, with each of these parts.
#[track_caller]
fn expect_corrupt(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(12), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    let [line] = lines.as_slice() else { panic!("expected one line on stderr: {ended:?}") };
    for part in ["error: model 'm': ", "m/model.onnx: "].iter().chain(parts) {
        assert!(line.contains(part), "'{part}' in '{line}'");
    }
}

#[test]
fn a_file_of_another_format_is_named() {
    let pickle = b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x0fsklearn.linear_";
    let safetensors =
        b"\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}\0\0\0\0\0\0\0\0";
    let cases: [(&[u8], &str, &str); 10] = [
        (b"", "it is empty", "fetch the file again"),
        (pickle, "it is a Python pickle", "convert the model to ONNX"),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title>", "it is HTML or XML", "fetch the file again"),
        (b"Repository not found\n", "it is text", "fetch the file again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1",
            "Git LFS pointer",
            "run 'git lfs pull'",
        ),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03model", "it is a gzip archive", "unpack it"),
        (
            b"PK\x03\x04\0\0\x08\x08archive/data.pkl",
            "zip archive (a PyTorch checkpoint, TorchScript",
            "export the model",
        ),
        (safetensors, "it is a safetensors file", "export the model to ONNX"),
        (b"{\"learner\": {\"attributes\": {}}}", "it is JSON", "name it model.json"),
        (b"\xff\xfe\xfd\xfc", "it is no protocol buffer", "export the model again"),
    ];
    let folder = Folder::new();
    for (content, kind, advice) in cases {
        folder.write("m/model.onnx", content);
        expect_corrupt(&check(&folder), &["expected an ONNX file, but it is", kind, advice]);
    }
}

#[test]
fn a_model_cut_short_says_how_many_bytes_are_missing() {
    let folder = Folder::new();
    for name in ["iris", "digits"] {
        let whole = fs::read(example(name)).unwrap();
        let last = whole.len() - 1;
        for length in [last, last / 2, last / 3, 200] {
            folder.write("m/model.onnx", &whole[..length]);
            let got = format!("the ONNX file is cut short: it has {length} bytes of ");
            expect_corrupt(&check(&folder), &[&got, "fetch the file again"]);
        }
    }
}

#[test]
fn a_model_with_a_changed_byte_is_loaded_or_refused() {
    let folder = Folder::new();
    for name in ["iris", "digits"] {
        let whole = fs::read(example(name)).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 12) {
            let mut changed = whole.clone();
            changed[at] ^= 0x11;
            folder.write("m/model.onnx", changed);
            let ended = check(&folder);
            assert!(matches!(ended.code, Some(0 | 12 | 13 | 16)), "{name}, byte {at}: {ended:?}");
        }
    }
}

/// A field of a protocol buffer that has a length.
fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    assert!(number < 16 && content.len() < 128, "one byte each");
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// `y = x + w`, with two weights in a data file there (`onnx.proto` has the numbers).
fn with_weights_in(location: &str) -> Vec<u8> {
    let value = |name: &str| [field(1, name), field(2, field(1, [8, 1, 0x12, 4, 0x0a, 2, 8, 2]))].concat();
    let node = [field(1, "x"), field(1, "w"), field(2, "y"), field(4, "Add")].concat();
    let entry = [field(1, "location"), field(2, location)].concat();
    let weights = [vec![8, 2, 0x10, 1], field(8, "w"), field(13, entry), vec![0x70, 1]].concat();
    let graph = [field(1, node), field(5, weights), field(11, value("x")), field(12, value("y"))].concat();
    [vec![8, 8], field(7, graph), field(8, [0x10, 17])].concat()
}

#[test]
fn weights_in_another_file_must_be_there_whole_and_the_models_own() {
    let folder = Folder::new();
    folder.write("m/model.onnx", with_weights_in("model.data"));
    folder.write("secret.data", [0; 8]);
    let parts =
        ["tensor 'w' is in the data file 'model.data', which cannot be opened", "put the data file at", "m/model.data"];
    expect_corrupt(&check(&folder), &parts);
    let data = folder.write("m/model.data", [0; 7]);
    let parts =
        ["tensor 'w': expected 8 bytes from byte 0 on in 'model.data', which has 7", "fetch the data file again"];
    expect_corrupt(&check(&folder), &parts);
    fs::write(&data, [0; 8]).unwrap();
    assert_eq!(check(&folder).code, Some(0));
    fs::remove_file(&data).unwrap();
    symlink("../secret.data", &data).unwrap();
    expect_corrupt(&check(&folder), &["'model.data', a link that leads out of the model's folder"]);
    for location in ["../secret.data", "/etc/passwd"] {
        folder.write("m/model.onnx", with_weights_in(location));
        expect_corrupt(&check(&folder), &[location, "expected a file in the model's folder"]);
    }
}

#[test]
fn the_data_file_counts_in_the_size_on_disk() {
    let folder = Folder::new();
    folder.write("m/model.onnx", with_weights_in("model.data"));
    folder.write("m/model.data", [0; 5000]);
    let ended = run(["inspect", folder.path().to_str().unwrap()]);
    assert!(ended.stdout.contains("5.1 kB on disk"), "{ended:?}");
}
