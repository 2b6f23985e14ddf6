//! What can be said of the engines of a process: their versions, where they were found, and what gets a missing one.

#[cfg(feature = "onnxruntime")]
use loadonce_engines::onnxruntime::{Attempt, Library};
use serde::Serialize;

use super::InstalledEngines;
#[cfg(feature = "onnxruntime")]
use super::rule::INSTALL;

/// An engine as people ask about it.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct EngineReport {
    /// The name, as in `model.toml`.
    pub name: &'static str,
    /// Whether models can be given to it.
    pub usable: bool,
    /// Its version, where it can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it runs.
    pub runs: &'static str,
    /// The library's file; nothing for an engine that is part of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What led to it: `Python`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_by: Option<String>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Where it was looked for in vain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<LookedAt>,
    /// The command that gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<&'static str>,
}

/// A place that was looked at in vain.
#[derive(Clone, Debug, Serialize)]
pub struct LookedAt {
    /// What led to it: `Python`.
    pub place: String,
    /// The file or folder.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl InstalledEngines {
    /// Every engine, those that are missing too. A library that was found is opened, for its version.
    pub fn reports(&self) -> Vec<EngineReport> {
        self.embedded().map(embedded).chain([of_onnx_runtime(self)]).collect()
    }
}

fn embedded(name: &'static str) -> EngineReport {
    let runs = match name {
        "tabular" => "classical models in ONNX (ai.onnx.ml)",
        "xgboost" => "models that XGBoost saved (.json, .ubj)",
        "lightgbm" => "models that LightGBM saved (.txt)",
        "rten" => "neural networks in ONNX",
        _ => "",
    };
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    EngineReport { name, usable: true, version, runs, ..EngineReport::default() }
}

const ONNX_RUNTIME: EngineReport = EngineReport {
    name: "onnxruntime",
    usable: false,
    version: None,
    runs: "every model in ONNX",
    path: None,
    found_by: None,
    problem: None,
    looked_at: Vec::new(),
    install: None,
};

#[cfg(feature = "onnxruntime")]
fn of_onnx_runtime(engines: &InstalledEngines) -> EngineReport {
    let Some(search) = engines.onnx_runtime() else {
        return EngineReport { problem: Some("switched off by the settings".to_owned()), ..ONNX_RUNTIME };
    };
    let looked_at = |attempt: &Attempt| LookedAt {
        place: attempt.place.to_string(),
        path: attempt.path.display().to_string(),
        problem: attempt.problem.clone(),
    };
    let Some(found) = &search.found else {
        let looked_at = search.attempts.iter().map(looked_at).collect();
        let problem = Some("not found".to_owned());
        return EngineReport { problem, looked_at, install: Some(INSTALL), ..ONNX_RUNTIME };
    };
    let report = EngineReport {
        path: Some(found.path.display().to_string()),
        found_by: Some(found.place.to_string()),
        ..ONNX_RUNTIME
    };
    match Library::open(&found.path) {
        Ok(library) => EngineReport { usable: true, version: Some(library.version().to_owned()), ..report },
        Err(error) => EngineReport { problem: Some(error.to_string()), install: Some(INSTALL), ..report },
    }
}

#[cfg(not(feature = "onnxruntime"))]
fn of_onnx_runtime(_engines: &InstalledEngines) -> EngineReport {
    EngineReport { problem: Some("not part of this build".to_owned()), ..ONNX_RUNTIME }
}
