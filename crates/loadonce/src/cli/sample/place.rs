//! Where samples are written: beside the model, and never over what is there unless that was asked for.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use loadonce_core::LoadErrorKind;
use loadonce_server::samples::Draft;

use super::SampleFlags;
use crate::cli::{Failure, Settings};
use crate::repository::roots;

/// The folder of a model's samples, and how files are called there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
    name: String,
    each: bool,
    overwrite: bool,
}

impl Place {
    /// The place of that model's samples. A model that is a bare file has none.
    pub(super) fn of(model: &str, settings: &Settings, flags: &SampleFlags) -> Result<Self, Failure> {
        let root = roots(&settings.models).remove(model).filter(|root| root.is_dir());
        let folder = root.map(|root| root.join("samples")).ok_or_else(|| {
            let advice = format!("put it into a folder of its own, as {model}/model.onnx");
            wrong(format!("model '{model}' is a file without a folder, which has no samples; {advice}"))
        })?;
        let SampleFlags { name, each, overwrite, .. } = flags.clone();
        Ok(Self { folder, name, each, overwrite })
    }

    /// Fails where a file is there already whose name is known before the model is loaded.
    pub(super) fn expect_free(&self) -> Result<(), Failure> {
        if self.each { Ok(()) } else { self.refuse_taken(&self.paths(1)) }
    }

    /// Writes all, or none where one is there already.
    pub(super) fn write(&self, drafts: &[Draft]) -> Result<Vec<PathBuf>, Failure> {
        let paths = self.paths(drafts.len());
        self.refuse_taken(&paths)?;
        fs::create_dir_all(&self.folder).map_err(|error| unwritable(&self.folder, &error))?;
        for (path, draft) in paths.iter().zip(drafts) {
            self.write_one(path, draft).map_err(|error| unwritable(path, &error))?;
        }
        Ok(paths)
    }

    /// Numbers are equally long, as samples are read in the order of their names.
    fn paths(&self, count: usize) -> Vec<PathBuf> {
        let width = count.to_string().len();
        let file = |number: usize| {
            let name = if self.each { format!("{}_{number:0width$}", self.name) } else { self.name.clone() };
            self.folder.join(name + ".json")
        };
        (1..=count).map(file).collect()
    }

    fn refuse_taken(&self, paths: &[PathBuf]) -> Result<(), Failure> {
        match paths.iter().find(|path| path.exists()) {
            Some(taken) if !self.overwrite => Err(wrong(format!(
                "{} is there already; write over it with --overwrite, or give --name",
                taken.display()
            ))),
            _ => Ok(()),
        }
    }

    fn write_one(&self, path: &Path, draft: &Draft) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).create_new(!self.overwrite);
        options.open(path)?.write_all(draft.to_text().as_bytes())
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(LoadErrorKind::Configuration.into(), message)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    wrong(format!("{}: cannot be written: {error}", path.display()))
}
