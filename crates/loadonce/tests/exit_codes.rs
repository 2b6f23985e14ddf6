//! Each documented exit code, and the one line on stderr that goes with it.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::support::{Ended, Folder, Server, example, examples, run, run_with_python};

/// Expects that code and one line on stderr with each of these parts.
fn expect(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    let [line] = lines.as_slice() else { panic!("expected one line on stderr: {ended:?}") };
    assert!(line.starts_with("error: "), "{line}");
    for part in parts {
        assert!(line.contains(part), "'{part}' in '{line}'");
    }
}

fn check(folder: &Folder) -> Ended {
    run(["check", folder.path().to_str().unwrap()])
}

#[test]
fn code_0_fine_and_drained() {
    let server = Server::start([examples()]);
    server.until_ready();
    let ended = server.stop();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let ended = run(["check", "--time", "0s", examples().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.ends_with("ok: 6 models loaded, 18 samples answered rightly\n"), "{}", ended.stdout);
}

#[test]
fn code_2_usage() {
    let ended = run(["serve", "--prot", "1"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--port"), "{}", ended.stderr);
    assert_eq!(run::<&str>([]).code, Some(2));
    let help = run(["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("18   the address cannot be bound"), "{}", help.stdout);
}

#[test]
fn code_10_configuration() {
    expect(&run(["check", "--startup-timeout", "soon"]), 10, &["--startup-timeout: expected a time", "'soon'"]);
    let folder = Folder::new();
    folder.iris("iris");
    folder.write("iris/model.toml", "engin = 'tabular'");
    expect(&check(&folder), 10, &["iris/model.toml", "line 1", "unknown field `engin`"]);
    folder.write("iris/model.toml", "[inputs.measurement]\ncolumns = ['a']");
    expect(&check(&folder), 10, &["model 'iris'", "[inputs.measurement]", "loadonce inspect"]);

    let folder = Folder::new();
    folder.write("spam/model.joblib", [0x80, 4]);
    expect(&check(&folder), 10, &["model 'spam'", "spam/model.joblib", "is a pickle", "--allow-pickle"]);
}

#[test]
fn code_11_not_found() {
    expect(&run(["serve", "/nowhere/models"]), 11, &["/nowhere/models", "No such file"]);
    let folder = Folder::new();
    folder.write("iris/notes.txt", "");
    expect(&check(&folder), 11, &["iris", "holds no model; expected one of model.onnx"]);
    expect(&run(["serve"]), 11, &["no path is named", "loadonce serve models"]);
}

#[test]
fn code_12_corrupt() {
    let folder = Folder::new();
    let whole = fs::read(example("iris")).unwrap();
    folder.write("iris/model.onnx", &whole[..whole.len() / 2]);
    expect(&check(&folder), 12, &["model 'iris'", "iris/model.onnx"]);
    folder.write("iris/model.onnx", "<html><body>404</body></html>");
    expect(&check(&folder), 12, &["model 'iris'", "iris/model.onnx", "expected an ONNX file"]);
    folder.write("iris/model.onnx", &whole);
    folder.write("iris/model.toml", format!("checksum = 'sha256:{}'", "0".repeat(64)));
    expect(&check(&folder), 12, &["checksum mismatch", "got sha256:", "model.toml"]);
}

#[test]
fn code_13_unsupported() {
    let folder = Folder::new();
    folder.write("spam/model.pt", [0x80, 4]);
    expect(
        &check(&folder),
        13,
        &["model 'spam'", "spam/model.pt", "PyTorch's own format", "convert the model to ONNX"],
    );

    let folder = Folder::new();
    folder.write("iris/model.onnx", with_strange_operator(&fs::read(example("iris")).unwrap()));
    expect(&check(&folder), 13, &["model 'iris'", "iris/model.onnx", "ai.onnx.ml", "LinearClassifieX"]);
}

/// The iris model with an operator that does not exist, under a name of the same length.
fn with_strange_operator(model: &[u8]) -> Vec<u8> {
    let name = b"LinearClassifier";
    let operator = |window: &[u8]| window == [&[0x22, 16][..], name].concat();
    let at = model.windows(name.len() + 2).position(operator).unwrap();
    let mut model = model.to_vec();
    model[at + 1 + name.len()] = b'X';
    model
}

#[test]
fn code_15_engine_missing() {
    let folder = Folder::new();
    folder.iris("iris");
    folder.write("iris/model.toml", "engine = 'tensorrt'");
    expect(
        &check(&folder),
        15,
        &[
            "model 'iris'",
            "'tensorrt' is not there",
            "this build has tabular, xgboost, lightgbm, rten, python, onnxruntime",
        ],
    );
    folder.write("iris/model.toml", "engine = 'onnxruntime'");
    expect(&check(&folder), 15, &["model 'iris'", "asks for engine 'onnxruntime'", "switched off"]);
    let nowhere = run(["check", folder.path().to_str().unwrap(), "--onnxruntime", "nowhere.so"]);
    expect(&nowhere, 15, &["ONNX Runtime was not found in nowhere.so", "pip install onnxruntime"]);
    // A file with the header of a library, which the linker refuses: found, and not silently passed over.
    let mut broken = b"\x7fELF".to_vec();
    broken.resize(64, 0);
    broken[16] = 3;
    broken[18] = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let library = folder.write("libonnxruntime.so", broken);
    let found =
        run(["check", folder.path().join("iris").to_str().unwrap(), "--onnxruntime", library.to_str().unwrap()]);
    expect(&found, 15, &["ONNX Runtime was found, but cannot be used", "libonnxruntime.so", "--onnxruntime off"]);
}

#[test]
fn code_16_sample_failed() {
    let folder = Folder::new();
    folder.iris("iris");
    let wrong = r#"{"request":{"instances":[[5.1,3.5,1.4,0.2]]},
        "response":{"predictions":[{"output_label":"virginica","output_probability":[0.0,0.0,1.0]}]}}"#;
    folder.write("iris/samples/one.json", wrong);
    let parts = ["model 'iris'", "sample 'one.json' was answered wrongly", "\"setosa\" at [0], expected \"virginica\""];
    expect(&check(&folder), 16, &parts);
    expect(&run(["serve", "--port", "0", folder.path().to_str().unwrap()]), 16, &parts);
    folder.write("iris/samples/one.json", r#"{"instances":[["five",3.5,1.4,0.2]]}"#);
    expect(&check(&folder), 16, &["samples/one.json", "request.instances[0][0]: expected FP32, got \"five\""]);
}

#[test]
fn code_17_startup_timeout() {
    let folder = Folder::new();
    folder.iris("iris");
    folder.pipe("slow");
    let path = folder.path().to_str().unwrap();
    for command in [&["serve", "--port", "0"][..], &["check"]] {
        let ended = run(command.iter().copied().chain([path, "--startup-timeout", "200ms"]));
        expect(&ended, 17, &["not ready after 0.2 s", "'slow' is loading", "--startup-timeout"]);
    }
}

#[test]
fn code_18_address_taken_before_any_model_is_read() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new();
    // Reading the pipe would block for ever.
    folder.pipe("slow");
    let ended = run(["serve", "--port", &port, folder.path().to_str().unwrap()]);
    expect(&ended, 18, &[&format!("127.0.0.1:{port}"), "in use", "(--port)"]);
    let ended = run(["serve", "--port", "0", "--grpc-port", &port, folder.path().to_str().unwrap()]);
    expect(&ended, 18, &[&format!("127.0.0.1:{port}"), "in use", "(--grpc-port)"]);
}

#[test]
fn code_70_internal() {
    // Without file descriptors to spare there is no event loop.
    let script = format!("ulimit -n 4; exec {} serve --port 0 /", env!("CARGO_BIN_EXE_loadonce"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(70), "{stderr}");
    assert!(stderr.starts_with("error: cannot start the async runtime"), "{stderr}");
}

#[test]
fn code_20_model_code() {
    let folder = Folder::new();
    let code = "class Model:\n    def load(self):\n        raise ValueError('no weights')\n\n    def predict(self, rows):\n        return rows\n";
    folder.write("broken/model.py", code);
    let ended = run_with_python(["check", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(20), "{ended:?}");
    let error = ended.stderr.lines().last().unwrap();
    for part in ["error: model 'broken'", "broken/model.py", "ValueError: no weights", "traceback"] {
        assert!(error.contains(part), "'{part}' in '{error}'");
    }
    assert!(ended.stderr.contains("raise ValueError('no weights')"), "{ended:?}");
}

#[test]
fn code_130_stopped_before_ready() {
    let folder = Folder::new();
    folder.pipe("slow");
    let server = Server::start([folder.path()]);
    let ended = server.stop();
    assert_eq!(ended.code, Some(130), "{ended:?}");
}
