//! Samples on disk: a folder of JSON files, each a v1 or v2 request and, where known, its right answer.
//!
//! ```json
//! {
//!   "description": "one setosa",
//!   "request":   {"instances": [[5.1, 3.5, 1.4, 0.2]]},
//!   "response":  {"predictions": [{"label": "setosa"}]},
//!   "tolerance": {"absolute": 1e-6, "relative": 1e-5}
//! }
//! ```
//!
//! A file without `request` is itself a request, with no known answer. An answer may have some of the outputs.

mod draft;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use loadonce_core::sample::{Sample, SampleSource, Tolerance};
use loadonce_core::{LoadError, LoadErrorKind, Signature};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{WireError, either, from_json};

pub use self::draft::{Body, Draft};
pub use self::rows::{Row, read_rows};

/// A folder of sample files, read in alphabetical order; a folder that does not exist has none.
#[derive(Clone, Debug)]
pub struct SampleFolder {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleFile<'a> {
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(default)]
    tolerance: ToleranceFields,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ToleranceFields {
    absolute: f64,
    relative: f64,
}

#[derive(Deserialize)]
struct HasRequest<'a> {
    #[serde(borrow)]
    request: Option<&'a RawValue>,
}

impl Default for ToleranceFields {
    fn default() -> Self {
        let Tolerance { absolute, relative } = Tolerance::default();
        Self { absolute, relative }
    }
}

impl SampleFolder {
    /// The samples in that folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn files(&self) -> Result<Vec<PathBuf>, LoadError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&self.path, error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| unreadable(&self.path, error))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

impl SampleSource for SampleFolder {
    fn read(&self, signature: &Signature) -> Result<Vec<Sample>, LoadError> {
        self.files()?.iter().map(|path| read_file(path, signature)).collect()
    }
}

/// Reads one sample file.
pub fn read_file(path: &Path, signature: &Signature) -> Result<Sample, LoadError> {
    let text = fs::read(path).map_err(|error| unreadable(path, error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    parse(name, &text, signature).map_err(|error| {
        LoadError::new(LoadErrorKind::SampleFailed, "cannot read the sample")
            .at(path)
            .caused_by(error)
            .advise("a sample has 'request' and, where it is known, 'response', both as in the v1 or v2 protocol")
    })
}

/// Reads the text of a sample file.
pub fn parse(name: String, text: &[u8], signature: &Signature) -> Result<Sample, WireError> {
    let file = split(text)?;
    let body = Bytes::copy_from_slice(file.request.get().as_bytes());
    let (_, request) = either::decode_request(&body, signature).map_err(|error| error.within("request."))?;
    let response =
        |response: &RawValue| either::decode_outputs(&Bytes::copy_from_slice(response.get().as_bytes()), signature);
    let expected = file.response.map(response).transpose();
    let ToleranceFields { absolute, relative } = file.tolerance;
    Ok(Sample {
        name,
        request,
        expected: expected.map_err(|error| error.within("response."))?,
        tolerance: Tolerance { absolute, relative },
    })
}

/// A file with a request in it, or a file that is one.
fn split(text: &[u8]) -> Result<SampleFile<'_>, WireError> {
    let probe: HasRequest<'_> = from_json(text)?;
    if probe.request.is_some() {
        return from_json(text);
    }
    Ok(SampleFile {
        _description: None,
        request: from_json(text)?,
        response: None,
        tolerance: ToleranceFields::default(),
    })
}

fn unreadable(path: &Path, error: std::io::Error) -> LoadError {
    LoadError::new(LoadErrorKind::SampleFailed, "cannot read the samples").at(path).caused_by(error)
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Content, DType, Dim, TensorSpec};

    use super::*;

    fn signature() -> Signature {
        let dims = [Dim::ANY, Dim::Fixed(2)];
        Signature {
            inputs: vec![TensorSpec::new("x", DType::Fp32, dims.clone())],
            outputs: vec![TensorSpec::new("y", DType::Fp32, dims)],
        }
    }

    fn read(text: &str) -> Result<Sample, String> {
        parse("s.json".to_owned(), text.as_bytes(), &signature()).map_err(|error| error.to_string())
    }

    #[test]
    fn v1_and_v2_samples_are_the_same() {
        let v1 = r#"{"request":{"instances":[[1,2]]},"response":{"predictions":[[2,4]]}}"#;
        let v2 = r#"{"request":{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]},
            "response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[2,4]}]}}"#;
        let columns = r#"{"request":{"inputs":[[1,2]]},"response":{"outputs":[[2,4]]}}"#;
        assert_eq!(read(v1).unwrap(), read(v2).unwrap());
        assert_eq!(read(v1).unwrap(), read(columns).unwrap());
    }

    #[test]
    fn rows_of_json_are_samples_in_both_forms() {
        let spec = |name: &str| TensorSpec {
            content: Content::Json { schema: None },
            ..TensorSpec::new(name, DType::Bytes, [Dim::ANY])
        };
        let signature = Signature { inputs: vec![spec("rows")], outputs: vec![spec("predictions")] };
        let read =
            |text: &str| parse("s.json".to_owned(), text.as_bytes(), &signature).map_err(|error| error.to_string());
        let v1 = r#"{"request":{"instances":[{"a":1}]},"response":{"predictions":[{"b":"x"}]}}"#;
        let v2 = r#"{"request":{"inputs":[{"name":"rows","datatype":"BYTES","shape":[1],"data":["{\"a\":1}"]}]},
            "response":{"outputs":[{"name":"predictions","datatype":"BYTES","shape":[1],"data":["{\"b\":\"x\"}"]}]}}"#;
        assert_eq!(read(v1).unwrap(), read(v2).unwrap());
        let error = read(r#"{"inputs":[{"name":"rows","datatype":"BYTES","shape":[1],"data":["{"]}]}"#).unwrap_err();
        assert!(
            error.starts_with("request.inputs[0].data[0]: expected the text of a JSON value, got \"{\""),
            "{error}"
        );
    }

    #[test]
    fn a_bare_request_is_a_sample_without_an_answer() {
        let sample = read(r#"{"instances":[[1,2]]}"#).unwrap();
        assert_eq!(sample.expected, None);
        assert_eq!(sample.tolerance, Tolerance::default());
    }

    #[test]
    fn an_answer_may_have_some_of_the_outputs() {
        let mut signature = signature();
        signature.outputs.push(TensorSpec::new("label", DType::Bytes, [Dim::ANY]));
        let parse = |predictions: &str| {
            let text = format!(
                "{{\"request\":{{\"instances\":[[1,2],[3,4]]}},\"response\":{{\"predictions\":{predictions}}}}}"
            );
            parse("s.json".to_owned(), text.as_bytes(), &signature).map_err(|error| error.to_string())
        };
        let some = parse(r#"[{"label":"a"},{"label":"b"}]"#).unwrap().expected.unwrap();
        let names: Vec<_> = some.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["label"]);
        let error = parse(r#"[{"label":"a"},{}]"#).unwrap_err();
        assert_eq!(error, "response.predictions[1]: value 'label' is missing");
        let error = parse(r#"[{"lable":"a"},{"label":"b"}]"#).unwrap_err();
        assert_eq!(error, "response.predictions[0]: value 'lable' is unknown, expected y, label");
    }

    #[test]
    fn a_misspelt_key_is_refused_so_that_no_check_is_lost() {
        let error = read(r#"{"request":{"instances":[[1,2]]},"respones":{"predictions":[[2,4]]}}"#).unwrap_err();
        assert!(error.contains("unknown field `respones`"), "{error}");
        let error = read(r#"{"request":{"instances":[[1,"two"]]}}"#).unwrap_err();
        assert_eq!(error, "request.instances[0][1]: expected FP32, got \"two\"");
    }

    #[test]
    fn files_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.json"), r#"{"instances":[[3,4],[5,6]]}"#).unwrap();
        fs::write(folder.path().join("a.json"), r#"{"request":{"instances": [[1, 2]]}}"#).unwrap();
        fs::write(folder.path().join("notes.txt"), "no sample").unwrap();
        let samples = SampleFolder::new(folder.path());
        let names: Vec<_> = samples.read(&signature()).unwrap().into_iter().map(|sample| sample.name).collect();
        assert_eq!(names, ["a.json", "b.json"]);
        assert!(SampleFolder::new("/nowhere").read(&signature()).unwrap().is_empty());
    }
}
