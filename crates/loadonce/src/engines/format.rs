//! What a model's file is, by its extension.

use std::path::Path;

use loadonce_core::{LoadError, LoadErrorKind};

/// How a model is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// ONNX, which several engines read; also what has another extension, since the content tells then.
    Onnx,
    /// A library's own format, which one engine reads.
    Native { name: &'static str, engine: &'static str },
    /// A known format that nobody reads.
    Unread(&'static str),
}

impl Format {
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json" | "ubj") => Self::Native { name: "XGBoost's own format", engine: "xgboost" },
            Some("txt") => Self::Native { name: "LightGBM's own format", engine: "lightgbm" },
            Some("joblib" | "pkl") => Self::Native { name: "a pickled Python object", engine: "python" },
            Some("py") => Self::Native { name: "Python code", engine: "python" },
            Some("pt" | "pth") => Self::Unread("PyTorch's own format"),
            _ => Self::Onnx,
        }
    }
}

/// The engine of a native format and why; `asked` is what `model.toml` asks for.
pub(super) fn choose_native(
    asked: Option<&str>,
    (name, engine): (&'static str, &'static str),
    embedded: &[&'static str],
) -> Result<(&'static str, String), LoadError> {
    if let Some(asked) = asked.filter(|asked| *asked != engine) {
        let detail = format!("model.toml asks for engine '{asked}', but the file is {name}, which '{engine}' reads");
        return Err(LoadError::new(LoadErrorKind::Configuration, detail).advise("remove 'engine' from model.toml"));
    }
    if embedded.contains(&engine) {
        return Ok((engine, name.to_owned()));
    }
    let detail = format!("the file is {name}, and this build is without engine '{engine}', which reads it");
    Err(LoadError::new(LoadErrorKind::EngineMissing, detail).advise("build with that feature"))
}

/// A format that is known but has no engine, told apart from files that are broken.
pub(super) fn unread(name: &str) -> LoadError {
    let detail = format!("{name} has no engine in this version");
    LoadError::new(LoadErrorKind::Unsupported, detail).advise("convert the model to ONNX")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(asked: Option<&str>, embedded: &[&'static str]) -> String {
        match choose_native(asked, ("Ours", "own"), embedded) {
            Ok((engine, reason)) => format!("{engine}: {reason}"),
            Err(error) => format!("{}: {}", error.kind().as_str(), error.detail()),
        }
    }

    #[test]
    fn a_native_format_has_one_engine() {
        let both = &["other", "own"];
        assert_eq!(verdict(None, both), "own: Ours");
        assert_eq!(verdict(Some("own"), both), "own: Ours");
        assert_eq!(
            verdict(Some("other"), both),
            "configuration: model.toml asks for engine 'other', but the file is Ours, which 'own' reads"
        );
        assert_eq!(
            verdict(None, &["other"]),
            "engine_missing: the file is Ours, and this build is without engine 'own', which reads it"
        );
    }
}
