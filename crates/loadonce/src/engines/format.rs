//! The format of a model file, by its extension.

use std::path::Path;

use loadonce_core::{LoadError, LoadErrorKind};

/// A format that some engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The engine depends on what is in the file.
    Onnx,
    /// One engine reads this format, and that engine nothing else.
    Of(&'static str),
}

/// The format of a file. What has no extension that is known is taken for ONNX, whose reader says what else it is.
///
/// # Errors
/// A format that is known, but that no engine reads, is told apart from a file that is broken.
pub(super) fn format_of(path: &Path) -> Result<Format, LoadError> {
    let unread = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json" | "ubj") => return Ok(Format::Of("xgboost")),
        Some("txt") => return Ok(Format::Of("lightgbm")),
        Some("joblib" | "pkl") => "a Python pickle",
        Some("py") => "Python code",
        Some("pt" | "pth") => "PyTorch's own format",
        _ => return Ok(Format::Onnx),
    };
    let detail = format!("{unread} has no engine in this version");
    Err(LoadError::new(LoadErrorKind::Unsupported, detail).at(path).advise("convert the model to ONNX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells_the_format() {
        let format = |name: &str| format_of(Path::new(name)).map_err(|error| error.detail().to_owned());
        assert_eq!(format("a/model.onnx"), Ok(Format::Onnx));
        assert_eq!(format("a/model"), Ok(Format::Onnx));
        assert_eq!((format("model.json"), format("model.ubj")), (Ok(Format::Of("xgboost")), Ok(Format::Of("xgboost"))));
        assert_eq!(format("model.txt"), Ok(Format::Of("lightgbm")));
        assert_eq!(format("model.pkl"), Err("a Python pickle has no engine in this version".to_owned()));
    }
}
