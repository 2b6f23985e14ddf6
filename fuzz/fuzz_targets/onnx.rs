//! A file that claims to be ONNX: read, summed up, its data files checked, compiled by the tabular engine, and run on
//! small inputs of zeros. Every outcome is right but a panic, a hang, and memory that the file's size does not explain.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loadonce_core::{Batch, DType, Dim, Engine as _, Model, ModelSpec, Progress, Shape, Tensor, TensorSpec};
use loadonce_engines::onnx::OnnxFile;
use loadonce_engines::tabular::{self, Tabular};

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
    load_and_run(content, &path);
});

fn load_and_run(content: &[u8], path: &Path) {
    fs::write(path, content).expect("room for a model");
    let Ok(model) = Tabular.load(&ModelSpec::new("m", path), &Progress::default()) else { return };
    let inputs: Option<Vec<_>> = model.signature().inputs.iter().map(zeros).collect();
    let Some(inputs) = inputs else { return };
    run(&*model, &Batch::new(inputs));
}

/// What a caller guarantees of a batch is that it fits the signature; what it may expect is that the answer does.
fn run(model: &dyn Model, batch: &Batch) {
    let Ok(mut session) = model.open_session() else { return };
    if let Ok(outputs) = session.run(batch) {
        assert_eq!(outputs.len(), model.signature().outputs.len());
        for (tensor, spec) in outputs.iter().zip(&model.signature().outputs) {
            assert_eq!(tensor.dtype(), spec.dtype, "{}", spec.name);
        }
    }
}

/// Zeros for an input, two along each free axis; nothing for one that would be large.
fn zeros(spec: &TensorSpec) -> Option<Tensor> {
    let lengths = spec.dims.iter().flatten().map(|dim| match dim {
        Dim::Fixed(length) => *length,
        Dim::Dynamic(_) => 2,
    });
    let shape = Shape::new(lengths);
    shape.element_count().filter(|&count| count <= 4096)?;
    let dtype = if spec.dtype.size().is_some() { spec.dtype } else { DType::Bytes };
    Tensor::zeros(dtype, shape).ok()
}
