//! Weights in files beside the model.

use std::path::{Component, Path};

use ::rten::ModelOptions;
use loadonce_core::{LoadError, LoadErrorKind, ModelFile, Progress};

use crate::onnx::Summary;

/// Reads the files that a model names and hands them to rten.
///
/// They are read, not mapped: a mapped file that somebody truncates while the model serves would end the process.
pub(super) fn provide(
    summary: &Summary,
    model: &Path,
    progress: &Progress,
    options: &mut ModelOptions,
) -> Result<(), LoadError> {
    for name in &summary.external_files {
        check_name(name).map_err(|error| error.at(model))?;
        let folder = model.parent().unwrap_or(Path::new(""));
        let content = {
            let file = ModelFile::new(folder.join(name), None);
            file.read(progress).map_err(|error| error.advise(format!("put '{name}' beside the model")))?
        };
        options.external_data(name, Vec::from(content));
    }
    Ok(())
}

/// A model may read nothing but what lies beside it: what it reads can come out in its answers.
fn check_name(name: &str) -> Result<(), LoadError> {
    let path = Path::new(name);
    let stays_inside = path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !stays_inside {
        let detail = format!("the model names '{name}' for its weights, which is not in its folder");
        return Err(LoadError::new(LoadErrorKind::Corrupt, detail));
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_plain = path.components().count() == 1;
    if is_plain && (extension.starts_with("data") || extension.starts_with("onnx_data")) {
        return Ok(());
    }
    let detail =
        format!("the model names '{name}' for its weights; rten reads '*.data' and '*.onnx_data' beside the model");
    Err(LoadError::new(LoadErrorKind::Unsupported, detail).advise("save the weights as one file, 'model.onnx.data'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_beside_the_model_are_read() {
        let kind = |name: &str| check_name(name).map_err(|error| error.kind());
        for name in ["model.onnx.data", "model.data", "model.onnx_data", "model.onnx_data_1"] {
            assert_eq!(kind(name), Ok(()), "{name}");
        }
        for name in ["", "/etc/passwd", "../secret.data", "a/../../b.data"] {
            assert_eq!(kind(name), Err(LoadErrorKind::Corrupt), "{name}");
        }
        for name in ["weights.bin", "sub/model.data", "./model.bin"] {
            assert_eq!(kind(name), Err(LoadErrorKind::Unsupported), "{name}");
        }
    }
}
