//! The one room that names engines: which there are, and which of them gets a model.

use std::path::Path;
use std::sync::Arc;

use loadonce_core::loader::{Chosen, Engines};
use loadonce_core::{Engine, LoadError, LoadErrorKind, ModelSpec, Progress};
use loadonce_engines::onnx::{OnnxFile, Summary};

/// The engines that this build has.
#[derive(Clone, Default)]
pub struct InstalledEngines {
    engines: Vec<Arc<dyn Engine>>,
}

/// What the choice of an engine depends on.
#[derive(Clone, Copy, Debug)]
struct Question<'a> {
    /// The engine that `model.toml` asks for.
    asked: Option<&'a str>,
    /// Names of the engines there are.
    installed: &'a [&'static str],
    /// Operators of the model that the tabular engine lacks.
    tabular_lacks: &'a [String],
    /// Whether an operator is of `ai.onnx.ml`, the domain of classical models.
    is_classical: bool,
}

const TABULAR: &str = "tabular";
const RTEN: &str = "rten";

impl InstalledEngines {
    /// All engines of this build.
    pub fn new() -> Self {
        Self {
            engines: vec![
                #[cfg(feature = "tabular")]
                Arc::new(loadonce_engines::tabular::Tabular),
                #[cfg(feature = "rten")]
                Arc::new(loadonce_engines::rten_engine::Rten),
            ],
        }
    }

    fn choose_for(&self, asked: Option<&str>, summary: &Summary) -> Result<Chosen, LoadError> {
        let installed: Vec<_> = self.engines.iter().map(|engine| engine.name()).collect();
        let question = Question {
            asked,
            installed: &installed,
            tabular_lacks: &tabular_lacks(summary),
            is_classical: summary.operators.iter().any(|operator| operator.domain == "ai.onnx.ml"),
        };
        let (name, reason) = choose(question)?;
        let engine = self.engines.iter().find(|engine| engine.name() == name);
        engine.map(|engine| Chosen { engine: Arc::clone(engine), reason }).ok_or_else(|| missing(name, &installed))
    }
}

impl Engines for InstalledEngines {
    fn choose(&self, spec: &ModelSpec, progress: &Progress) -> Result<Chosen, LoadError> {
        let path = spec.file.path();
        known_format(path)?;
        let file = OnnxFile::parse(spec.file.read(progress)?, path)?;
        self.choose_for(spec.engine.as_deref(), &file.summary()).map_err(|error| error.at(path))
    }
}

impl std::fmt::Debug for InstalledEngines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.engines.iter().map(|engine| engine.name())).finish()
    }
}

/// The rule. Nothing falls back: a model whose engine cannot load it fails.
fn choose(question: Question<'_>) -> Result<(&'static str, String), LoadError> {
    let Question { asked, installed, tabular_lacks, is_classical } = question;
    if let Some(asked) = asked {
        let engine = installed.iter().find(|engine| **engine == asked);
        return engine
            .map(|engine| (*engine, "model.toml asks for it".to_owned()))
            .ok_or_else(|| missing(asked, installed));
    }
    if !is_classical {
        return Ok((RTEN, "no operator is of ai.onnx.ml: a neural network".to_owned()));
    }
    if tabular_lacks.is_empty() {
        return Ok((TABULAR, "every operator is one of its own".to_owned()));
    }
    let detail = format!("no engine has every operator of this model; {TABULAR} lacks {}", tabular_lacks.join(", "));
    Err(LoadError::new(LoadErrorKind::Unsupported, detail).advise("export the model without them"))
}

fn missing(name: &str, installed: &[&str]) -> LoadError {
    let detail = format!("engine '{name}' is not there; this build has {}", installed.join(", "));
    LoadError::new(LoadErrorKind::EngineMissing, detail).advise("correct 'engine' in model.toml, or remove it")
}

#[cfg(feature = "tabular")]
fn tabular_lacks(summary: &Summary) -> Vec<String> {
    let lacking = loadonce_engines::tabular::supports(summary).err().unwrap_or_default();
    lacking.iter().map(ToString::to_string).collect()
}

#[cfg(not(feature = "tabular"))]
fn tabular_lacks(_summary: &Summary) -> Vec<String> {
    Vec::new()
}

/// Formats that are known but have no engine are told apart from files that are broken.
fn known_format(path: &Path) -> Result<(), LoadError> {
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json" | "ubj") => "XGBoost's own format",
        Some("txt") => "LightGBM's own format",
        Some("joblib" | "pkl") => "a Python pickle",
        Some("py") => "Python code",
        Some("pt" | "pth") => "PyTorch's own format",
        _ => return Ok(()),
    };
    let detail = format!("{format} has no engine in this version");
    Err(LoadError::new(LoadErrorKind::Unsupported, detail).at(path).advise("convert the model to ONNX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(asked: Option<&str>, lacks: &[&str], is_classical: bool) -> String {
        let tabular_lacks: Vec<_> = lacks.iter().map(|name| (*name).to_owned()).collect();
        let question = Question { asked, installed: &[TABULAR, RTEN], tabular_lacks: &tabular_lacks, is_classical };
        match choose(question) {
            Ok((engine, reason)) => format!("{engine}: {reason}"),
            Err(error) => format!("{}: {}", error.kind().as_str(), error.detail()),
        }
    }

    #[test]
    fn the_rule_as_a_table() {
        let cases = [
            (None, &[][..], true, "tabular: every operator is one of its own"),
            (None, &[], false, "rten: no operator is of ai.onnx.ml: a neural network"),
            (None, &["Conv"], false, "rten: no operator is of ai.onnx.ml: a neural network"),
            (
                None,
                &["SVMClassifier"],
                true,
                "unsupported: no engine has every operator of this model; tabular lacks SVMClassifier",
            ),
            (Some("rten"), &[], true, "rten: model.toml asks for it"),
            (Some("tabular"), &["Conv"], false, "tabular: model.toml asks for it"),
            (
                Some("onnxruntime"),
                &[],
                true,
                "engine_missing: engine 'onnxruntime' is not there; this build has tabular, rten",
            ),
        ];
        for (asked, lacks, is_classical, expected) in cases {
            assert_eq!(verdict(asked, lacks, is_classical), expected);
        }
    }
}
