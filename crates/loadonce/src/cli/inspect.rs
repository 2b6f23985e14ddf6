//! `loadonce inspect`: what a model is, as it would be served.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use loadonce_core::loader::Engines;
use loadonce_core::{Dim, LoadError, ModelSpec, Progress, TensorSpec};
use loadonce_engines::onnx::{OnnxFile, OperatorUse, Summary};
use loadonce_server::report::readable_size;
use serde::Serialize;

use super::exit::Exit;
use super::output::{complain, say};
use super::{Failure, Settings, find};
use crate::InstalledEngines;

#[derive(Debug, Serialize)]
struct Inspection {
    name: String,
    version: String,
    file: String,
    file_bytes: u64,
    engine: &'static str,
    engine_reason: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
    weight_bytes: Option<u64>,
    contract: &'static str,
    producer: Option<String>,
    opsets: Vec<String>,
    operators: Vec<Operator>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

#[derive(Debug, Serialize)]
struct Operator {
    domain: String,
    name: String,
    version: Option<i64>,
    count: usize,
}

#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    datatype: &'static str,
    shape: Vec<Axis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    #[serde(skip)]
    form: String,
}

/// A length, or the name of an axis that may have any.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Axis {
    Fixed(usize),
    Named(String),
    Any(i8),
}

/// Shows every model at the paths. The first failure decides the exit code; the others are still told.
pub(super) fn inspect(settings: &Settings, engines: &InstalledEngines, json: bool) -> Result<Exit, Failure> {
    let mut inspections = Vec::new();
    let mut exit = Exit::Fine;
    for spec in find(settings)? {
        match look_at(&spec, engines) {
            Ok(inspection) => inspections.push(inspection),
            Err(error) => {
                if exit == Exit::Fine {
                    exit = error.kind().into();
                }
                complain(&format!("error: {}", error.of_model(&spec.name)));
            }
        }
    }
    if json {
        let text = serde_json::to_string_pretty(&inspections);
        say(&text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?);
    } else {
        let tables: Vec<_> = inspections.iter().map(Inspection::table).collect();
        say(tables.join("\n").trim_end());
    }
    Ok(exit)
}

fn look_at(spec: &ModelSpec, engines: &InstalledEngines) -> Result<Inspection, LoadError> {
    let progress = Progress::default();
    let chosen = engines.choose(spec, &progress)?;
    let (file_bytes, summary) = look_into(spec, &progress)?;
    let model = chosen.load(spec, &progress)?;
    let signature = spec.annotate(model.signature())?;
    Ok(Inspection {
        name: spec.name.clone(),
        version: spec.version.clone(),
        file: spec.file.path().display().to_string(),
        file_bytes,
        engine: chosen.engine.name(),
        engine_reason: chosen.reason,
        options: model.options().into_iter().collect(),
        weight_bytes: model.memory().weight_bytes,
        contract: model.contract().as_str(),
        opsets: summary.opsets.iter().map(|(domain, version)| format!("{domain} {version}")).collect(),
        producer: summary.producer,
        operators: summary.operators.into_iter().map(Operator::from).collect(),
        inputs: signature.inputs.iter().map(Tensor::from).collect(),
        outputs: signature.outputs.iter().map(Tensor::from).collect(),
    })
}

/// The bytes on disk, and what an ONNX file says of itself.
fn look_into(spec: &ModelSpec, progress: &Progress) -> Result<(u64, Summary), LoadError> {
    let content = spec.file.read(progress)?;
    let main_bytes = content.len() as u64;
    if !InstalledEngines::is_onnx(spec.file.path()) {
        return Ok((main_bytes, Summary::default()));
    }
    let file = OnnxFile::parse(content, spec.file.path())?;
    Ok((main_bytes + file.external_data()?.file_bytes(), file.summary()))
}

impl Inspection {
    fn table(&self) -> String {
        let mut text = format!("{} version {}  {}\n", self.name, self.version, self.file);
        let mut row = |label: &str, value: &str| {
            let _ = writeln!(text, "  {label:<10} {value}");
        };
        row("engine", &format!("{} ({})", self.engine, self.engine_reason));
        let weights = self.weight_bytes.map(|bytes| format!(", {} of weights in memory", readable_size(bytes)));
        row("size", &format!("{} on disk{}", readable_size(self.file_bytes), weights.unwrap_or_default()));
        row("contract", self.contract);
        if !self.options.is_empty() {
            let options: Vec<_> = self.options.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            row("options", &options.join(", "));
        }
        if let Some(producer) = &self.producer {
            row("made by", producer);
        }
        if !self.opsets.is_empty() {
            row("opsets", &self.opsets.join(", "));
            let operators: Vec<_> = self.operators.iter().map(Operator::to_string).collect();
            row("operators", &operators.join(", "));
        }
        for (label, tensors) in [("input", &self.inputs), ("output", &self.outputs)] {
            let width = tensors.iter().map(|tensor| tensor.name.len()).max().unwrap_or(0);
            for tensor in tensors {
                row(label, &tensor.row(width));
            }
        }
        text
    }
}

impl Tensor {
    fn row(&self, width: usize) -> String {
        let names = if self.columns.is_empty() { &self.labels } else { &self.columns };
        format!("{:width$}  {}  {}", self.name, self.form, names.join(", ")).trim_end().to_owned()
    }
}

impl From<&TensorSpec> for Tensor {
    fn from(spec: &TensorSpec) -> Self {
        Self {
            name: spec.name.clone(),
            datatype: spec.dtype.as_str(),
            shape: spec.dims.iter().flatten().map(Axis::from).collect(),
            columns: spec.columns.clone(),
            labels: spec.labels.clone(),
            form: spec.to_string(),
        }
    }
}

impl From<&Dim> for Axis {
    fn from(dim: &Dim) -> Self {
        match dim {
            Dim::Fixed(length) => Self::Fixed(*length),
            Dim::Dynamic(Some(name)) => Self::Named(name.to_string()),
            Dim::Dynamic(None) => Self::Any(-1),
        }
    }
}

impl From<OperatorUse> for Operator {
    fn from(operator: OperatorUse) -> Self {
        let OperatorUse { domain, name, version, count, .. } = operator;
        Self { domain, name, version, count }
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.count {
            1 => formatter.write_str(&self.name),
            count => write!(formatter, "{} x{count}", self.name),
        }
    }
}
