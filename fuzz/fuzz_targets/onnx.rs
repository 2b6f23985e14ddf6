//! A file that claims to be ONNX: read, summed up, its data files checked, compiled by the tabular engine, and run on
//! small inputs of zeros. Every outcome is right but a panic, a hang, and memory that the file's size does not explain.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loadonce_core::{Engine as _, ModelSpec, Progress};
use loadonce_engines::onnx::OnnxFile;
use loadonce_engines::tabular::{self, Tabular};
use loadonce_fuzz::run_on_zeros;

/// A folder with a data file, which models may name.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data: Vec<u8> = (0..=255).collect();
    fs::write(folder.path().join("model.data"), data).expect("room for 256 bytes");
    folder
});

fuzz_target!(|content: &[u8]| {
    let path = FOLDER.path().join("model.onnx");
    let Ok(file) = OnnxFile::parse(Bytes::copy_from_slice(content), &path) else { return };
    let summary = file.summary();
    let _ = tabular::supports(&summary);
    if let Ok(data) = file.external_data() {
        assert!(data.tensors().iter().all(|tensor| tensor.offset + tensor.length <= tensor.file.length));
    }
    fs::write(&path, content).expect("room for a model");
    if let Ok(model) = Tabular.load(&ModelSpec::new("m", path), &Progress::default()) {
        run_on_zeros(&*model);
    }
});
