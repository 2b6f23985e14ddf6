//! A model's folder, and rows to and from it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::{Batch, Engine, LoadError, Model, ModelSpec, Progress, RunError, Session, Shape, Tensor};
use loadonce_engines::python::Python;
use tempfile::TempDir;

/// A model whose loads leave a line each in `loads`; `predict` is the body of that method, over `rows`.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) spec: ModelSpec,
}

impl Folder {
    /// A class with that method, and others around it.
    pub(crate) fn with(methods: &str, predict: &str) -> Self {
        let indented = |text: &str, by: &str| text.lines().map(|line| [by, line, "\n"].concat()).collect::<String>();
        Self::of(&format!(
            "import os, signal, sys, time\n\nclass Model:\n    def load(self):\n        with open('loads', 'a') as loads:\n            \
             loads.write('once\\n')\n\n{}\n    def predict(self, rows):\n{}",
            indented(methods, "    "),
            indented(predict, "        "),
        ))
    }

    /// A folder with that `model.py`.
    pub(crate) fn of(code: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.py");
        fs::write(&file, code).unwrap();
        Self { spec: ModelSpec::new("m", file), folder }
    }

    pub(crate) fn option(mut self, key: &str, value: &str) -> Self {
        self.spec.options.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn loads(&self) -> usize {
        fs::read_to_string(self.path("loads")).map_or(0, |loads| loads.lines().count())
    }

    pub(crate) fn load(&self) -> Result<Arc<dyn Model>, LoadError> {
        Python::default().load(&self.spec, &Progress::default())
    }

    /// A model that loads, and a session of it.
    pub(crate) fn session(&self) -> (Arc<dyn Model>, Box<dyn Session>) {
        let model = self.load().unwrap();
        let session = model.open_session().unwrap();
        (model, session)
    }
}

/// Runs rows, which are JSON texts, and returns the answers likewise.
pub(crate) fn run(session: &mut dyn Session, rows: &[&str]) -> Result<Vec<String>, RunError> {
    let rows: Vec<_> = rows.iter().map(|row| Bytes::copy_from_slice(row.as_bytes())).collect();
    let batch = Batch::new(vec![Tensor::from_strings(Shape::new([rows.len()]), rows).unwrap()]);
    let outputs = session.run(&batch)?;
    let answers = outputs[0].as_strings().unwrap().iter();
    Ok(answers.map(|answer| String::from_utf8(answer.to_vec()).unwrap()).collect())
}

/// The answer to one row.
pub(crate) fn ask(session: &mut dyn Session, row: &str) -> Result<String, RunError> {
    run(session, &[row]).map(|answers| answers[0].clone())
}
