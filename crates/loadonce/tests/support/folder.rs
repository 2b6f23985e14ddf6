//! Models on disk for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A temporary folder of models.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

/// The folder of the example models.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/models").canonicalize().unwrap()
}

/// The file of an example model.
pub(crate) fn example(name: &str) -> PathBuf {
    examples().join(name).join("model.onnx")
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, making the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Copies the iris example's model to `name/model.onnx`, without its samples.
    pub(crate) fn iris(&self, name: &str) -> PathBuf {
        self.write(&format!("{name}/model.onnx"), fs::read(example("iris")).unwrap())
    }

    /// A model file that cannot be read to its end before a test writes it.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path().join(format!("{name}/model.onnx"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }
}
