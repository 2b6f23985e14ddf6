//! Cases as they lie on disk: `GROUP/CASE/model.*`, `case.json`, `test_data_set_N/{input,output}_I.pb`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use loadonce_core::sample::Tolerance;
use loadonce_core::{NamedTensor, TensorSpec};
use loadonce_engines::onnx::OnnxFile;
use loadonce_engines::onnx::proto::TensorProto;
use prost::Message as _;
use serde::Deserialize;

/// A model and how near its answers must come.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) group: String,
    pub(crate) name: String,
    /// The model's file.
    pub(crate) model: PathBuf,
    pub(crate) expectation: Expectation,
}

/// `case.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    /// Whose answers are expected, with its version.
    pub(crate) source: String,
    pub(crate) relative: f64,
    pub(crate) absolute: f64,
}

/// What goes in and what must come out, in the order of the files.
#[derive(Clone, Debug)]
pub(crate) struct DataSet {
    pub(crate) inputs: Vec<TensorProto>,
    pub(crate) outputs: Vec<TensorProto>,
}

/// Every case in a folder, in the order of their names.
pub(crate) fn find(folder: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for group in folders(folder)? {
        for case in folders(&group)? {
            cases.push(read(&case, file_name(&group))?);
        }
    }
    Ok(cases)
}

fn read(folder: &Path, group: String) -> Result<Case, String> {
    let is_model = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "model");
    let model = entries(folder)?.into_iter().find(is_model).ok_or_else(|| said(folder, "no model lies there"))?;
    let path = folder.join("case.json");
    let text = fs::read(&path).map_err(|error| said(&path, error))?;
    let expectation = serde_json::from_slice(&text).map_err(|error| said(&path, error))?;
    Ok(Case { group, name: file_name(folder), model, expectation })
}

impl Case {
    /// `GROUP/CASE`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    /// The extension of the model's file.
    pub(crate) fn format(&self) -> &str {
        self.model.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
    }

    pub(crate) fn tolerance(&self) -> Tolerance {
        Tolerance { absolute: self.expectation.absolute, relative: self.expectation.relative }
    }

    /// The operators that a model in ONNX uses, as `ai.onnx.Add`; none of a model in another format.
    pub(crate) fn operators(&self) -> BTreeSet<String> {
        let file = fs::read(&self.model).ok().and_then(|content| OnnxFile::parse(content.into(), &self.model).ok());
        let used = file.map(|file| file.summary().operators).unwrap_or_default();
        used.into_iter().map(|used| format!("{}.{}", used.domain, used.name)).collect()
    }

    /// The data sets; a case without any is an error, for it would prove nothing.
    pub(crate) fn data_sets(&self) -> Result<Vec<DataSet>, String> {
        let folder = self.model.parent().unwrap_or(Path::new(""));
        let sets = folders(folder)?.into_iter().filter(|path| file_name(path).starts_with("test_data_set_"));
        let sets: Vec<_> = sets.map(|path| DataSet::read(&path)).collect::<Result<_, _>>()?;
        if sets.is_empty() { Err(said(folder, "no data lies there")) } else { Ok(sets) }
    }
}

impl DataSet {
    fn read(folder: &Path) -> Result<Self, String> {
        Ok(Self { inputs: tensors(folder, "input")?, outputs: tensors(folder, "output")? })
    }
}

fn tensors(folder: &Path, kind: &str) -> Result<Vec<TensorProto>, String> {
    let paths = (0..).map(|index| folder.join(format!("{kind}_{index}.pb"))).take_while(|path| path.exists());
    let decode = |path: PathBuf| {
        let content = fs::read(&path).map_err(|error| said(&path, error))?;
        TensorProto::decode(&*content).map_err(|error| said(&path, error))
    };
    paths.map(decode).collect()
}

/// The tensors under the names of the signature: by name where the files have those names, else in order.
pub(crate) fn named(protos: &[TensorProto], specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, String> {
    if protos.len() > specs.len() {
        return Err(format!("the data have {} tensors, the signature has {}", protos.len(), specs.len()));
    }
    let is_known = |proto: &TensorProto| specs.iter().any(|spec| spec.name == proto.name_str());
    let by_name = protos.iter().all(is_known);
    let tensors = protos.iter().zip(specs).map(|(proto, spec)| {
        let name = if by_name { proto.name_str() } else { &spec.name };
        Ok(NamedTensor { name: name.to_owned(), tensor: proto.to_tensor()? })
    });
    tensors.collect()
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, String> {
    Ok(entries(path)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(path).map_err(|error| said(path, error))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| said(path, error))?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn said(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
