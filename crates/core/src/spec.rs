//! What a model is before it is loaded: its name, its file, and what the operator says about it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::{LoadError, LoadErrorKind};
use crate::progress::Progress;
use crate::sample::{NoSamples, SampleSource};
use crate::{Contract, Dim, FillValue, Signature, TensorSpec};

/// A declared model.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// The name in URLs.
    pub name: String,
    /// The version in URLs and answers.
    pub version: String,
    /// The model's main file.
    pub file: ModelFile,
    /// The engine asked for; chosen from the file when absent.
    pub engine: Option<String>,
    /// The contract asked for; the engine's own when absent.
    pub contract: Option<Contract>,
    /// Where it runs.
    pub isolation: Isolation,
    /// Options of the engine, by key; an engine refuses those that it does not have.
    pub options: BTreeMap<String, String>,
    /// Inputs and outputs whose dtype and axes the operator says. A model that has a signature of its own must have these in
    /// it; one that has none gets them from here.
    pub declared: Signature,
    /// Names of an input's columns, by input.
    pub columns: BTreeMap<String, Vec<String>>,
    /// What stands for missing values, by input.
    pub missing: BTreeMap<String, FillValue>,
    /// Names of an output's classes, by output.
    pub labels: BTreeMap<String, Vec<String>>,
    /// Bounds.
    pub limits: Limits,
    /// How requests share runs.
    pub batching: Batching,
    /// The model's samples.
    pub samples: Arc<dyn SampleSource>,
}

/// Where a model runs whose engine leaves that open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// In the server's process.
    #[default]
    None,
    /// In processes of its own: what ends one of them ends no other, nor the server.
    Process,
}

/// An isolation that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown isolation '{0}', expected 'none' or 'process'")]
pub struct UnknownIsolation(pub String);

/// Bounds of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests that may wait; one more is refused at once.
    pub queue: usize,
    /// Runs that may be under way at once on a shared model; as many as there are processors for when absent.
    pub sessions: Option<usize>,
    /// Time a request may take, waiting included.
    pub timeout: Duration,
    /// Priority of requests that name none: those with a lower one are run before them, those with a higher one after.
    pub priority: NonZeroU32,
}

/// How requests of a model whose first axis is free share a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Whether they do.
    pub shared_runs: SharedRuns,
    /// Rows of one run; requests that are larger by themselves run alone. 1 is no batching. When absent, as many as are
    /// measured at load to make a row cheaper, up to [`Self::MOST_ROWS`].
    pub max_rows: Option<usize>,
    /// Bytes of the inputs of one run, in the same way.
    pub max_bytes: usize,
    /// How long the oldest request may wait for others though a session is free.
    pub max_delay: Duration,
}

/// When requests share runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SharedRuns {
    /// Where samples have shown that it changes no answer.
    #[default]
    WhereProven,
    /// The operator says that it changes no answer; samples that show the opposite are an error.
    Always,
    /// Every request has a run of its own.
    Never,
}

impl Batching {
    /// Rows of one run, unless it is measured that fewer do.
    pub const MOST_ROWS: usize = 64;
}

impl Default for Batching {
    /// Where proven: as many rows as pay, 16 MiB, no delay.
    fn default() -> Self {
        Self { shared_runs: SharedRuns::default(), max_rows: None, max_bytes: 16 << 20, max_delay: Duration::ZERO }
    }
}

impl FromStr for Isolation {
    type Err = UnknownIsolation;

    fn from_str(name: &str) -> Result<Self, UnknownIsolation> {
        match name {
            "none" => Ok(Self::None),
            "process" => Ok(Self::Process),
            _ => Err(UnknownIsolation(name.to_owned())),
        }
    }
}

impl Limits {
    /// In the middle of low, common and high.
    pub const DEFAULT_PRIORITY: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

    /// Requests that may wait unless `model.toml` says otherwise.
    pub const DEFAULT_QUEUE: usize = 256;

    /// Time a request may take unless `model.toml` says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue: Self::DEFAULT_QUEUE,
            sessions: None,
            timeout: Self::DEFAULT_TIMEOUT,
            priority: Self::DEFAULT_PRIORITY,
        }
    }
}

impl ModelSpec {
    /// A model of that name in that file, with nothing else said.
    pub fn new(name: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            version: "1".to_owned(),
            file: ModelFile::new(file, None),
            engine: None,
            contract: None,
            isolation: Isolation::default(),
            options: BTreeMap::new(),
            declared: Signature::default(),
            columns: BTreeMap::new(),
            missing: BTreeMap::new(),
            labels: BTreeMap::new(),
            limits: Limits::default(),
            batching: Batching::default(),
            samples: Arc::new(NoSamples),
        }
    }

    /// Refuses options where the engine has none.
    pub(crate) fn expect_no_options(&self, engine: &str) -> Result<(), LoadError> {
        let Some(key) = self.options.keys().next() else { return Ok(()) };
        let detail = format!("model.toml sets option '{key}', but engine '{engine}' has no options");
        Err(LoadError::new(LoadErrorKind::Configuration, detail).advise("remove [options], or name another engine"))
    }

    /// The engine's signature with the declared columns, fill values and labels; a name, count or value that does not
    /// fit is an error, and so is a dtype or a shape that is another one than was declared.
    pub fn annotate(&self, signature: &Signature) -> Result<Signature, LoadError> {
        let mut signature = signature.clone();
        for expected in &self.declared.inputs {
            expected.check_same(declared(("inputs", "datatype"), &mut signature.inputs, &expected.name)?, "inputs")?;
        }
        for expected in &self.declared.outputs {
            expected
                .check_same(declared(("outputs", "datatype"), &mut signature.outputs, &expected.name)?, "outputs")?;
        }
        for (name, columns) in &self.columns {
            let spec = declared(("inputs", "columns"), &mut signature.inputs, name)?;
            check_width("inputs", "columns", spec, columns.len())?;
            spec.columns.clone_from(columns);
        }
        for (name, value) in &self.missing {
            let spec = declared(("inputs", "missing"), &mut signature.inputs, name)?;
            check_fill(spec, value)?;
            spec.missing = Some(value.clone());
        }
        for (name, labels) in &self.labels {
            declared(("outputs", "labels"), &mut signature.outputs, name)?.labels.clone_from(labels);
        }
        Ok(signature)
    }
}

/// The spec that a key of `[TABLE.NAME]` in `model.toml` is about. What such keys say of tensors, a schema says of JSON.
fn declared<'a>(
    (table, key): (&str, &str),
    specs: &'a mut [TensorSpec],
    name: &str,
) -> Result<&'a mut TensorSpec, LoadError> {
    let spec = specs.iter_mut().find(|spec| spec.name == *name).ok_or_else(|| undeclared(table, name))?;
    if spec.content.is_json() {
        let detail = format!("model.toml has '{key}' in [{table}.{name}], but the elements of '{name}' are JSON");
        let error = LoadError::new(LoadErrorKind::Configuration, detail);
        return Err(error.advise("remove it; the model itself says what a row has"));
    }
    Ok(spec)
}

impl TensorSpec {
    /// Refuses a model that has another dtype or other axes than these, which the operator said.
    fn check_same(&self, own: &Self, table: &str) -> Result<(), LoadError> {
        let is_so = |said: &Dim, own: &Dim| match (said, own) {
            (Dim::Fixed(said), Dim::Fixed(own)) => said == own,
            (Dim::Dynamic(_), Dim::Dynamic(_)) => true,
            _ => false,
        };
        let are_axes_so = self.dims.as_ref().zip(own.dims.as_ref()).is_none_or(|(said, own)| {
            said.len() == own.len() && said.iter().zip(own).all(|(said, own)| is_so(said, own))
        });
        if self.dtype == own.dtype && are_axes_so {
            return Ok(());
        }
        let name = &self.name;
        let detail = format!("model.toml says {self} in [{table}.{name}], but '{name}' is {own}");
        Err(LoadError::new(LoadErrorKind::Configuration, detail)
            .advise("correct 'datatype' and 'shape', or remove them: the model says what it has"))
    }
}

fn undeclared(table: &str, name: &str) -> LoadError {
    LoadError::new(
        LoadErrorKind::Configuration,
        format!("model.toml has [{table}.{name}], but the model has no such name"),
    )
    .advise("see the names with 'loadonce inspect'")
}

fn check_width(table: &str, key: &str, spec: &TensorSpec, count: usize) -> Result<(), LoadError> {
    match spec.dims.as_deref().and_then(<[_]>::last) {
        Some(Dim::Fixed(width)) if *width != count => {
            let name = &spec.name;
            let detail = format!("model.toml names {count} {key} in [{table}.{name}], but '{name}' is {spec}");
            Err(LoadError::new(LoadErrorKind::Configuration, detail))
        }
        _ => Ok(()),
    }
}

fn check_fill(spec: &TensorSpec, value: &FillValue) -> Result<(), LoadError> {
    if value.fits(spec.dtype) {
        return Ok(());
    }
    let (name, dtype) = (&spec.name, spec.dtype);
    let detail = format!("model.toml has missing = {value} in [inputs.{name}], but '{name}' is {dtype}");
    Err(LoadError::new(LoadErrorKind::Configuration, detail).advise("a fill value is an element of the input's type"))
}

/// A model's file, read at most once: whoever asks first reads it, others share the bytes until they are released.
#[derive(Clone)]
pub struct ModelFile(Arc<Inner>);

struct Inner {
    path: PathBuf,
    checksum: Option<String>,
    bytes: Mutex<Option<Bytes>>,
}

impl ModelFile {
    /// The file at `path`, whose SHA-256 in hex must be `checksum` where one is given.
    pub fn new(path: impl Into<PathBuf>, checksum: Option<String>) -> Self {
        Self(Arc::new(Inner { path: path.into(), checksum, bytes: Mutex::new(None) }))
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The file's content, read now or by an earlier call; its checksum is verified.
    pub fn read(&self, progress: &Progress) -> Result<Bytes, LoadError> {
        let mut bytes = self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = &*bytes {
            return Ok(bytes.clone());
        }
        let content = read_file(self.path(), progress)?;
        self.compare(&content)?;
        Ok(bytes.insert(content).clone())
    }

    /// Verifies the checksum where one is given, for engines that do not read the file themselves.
    pub fn verify(&self, progress: &Progress) -> Result<(), LoadError> {
        if self.0.checksum.is_some() {
            self.read(progress)?;
        }
        Ok(())
    }

    /// Forgets the content; engines keep what they need.
    pub fn release(&self) {
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn compare(&self, content: &[u8]) -> Result<(), LoadError> {
        let Some(expected) = &self.0.checksum else { return Ok(()) };
        let got = hex(&Sha256::digest(content));
        if got.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        let detail = format!("checksum mismatch: expected sha256:{expected}, got sha256:{got}");
        Err(LoadError::new(LoadErrorKind::Corrupt, detail)
            .at(self.path())
            .advise("fetch the file again, or correct 'checksum' in model.toml"))
    }
}

impl fmt::Debug for ModelFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ModelFile").field(&self.0.path).finish()
    }
}

/// A digest as text: two lower-case hexadecimal digits a byte, as in the checksums of `model.toml`.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes read between two looks at progress and cancellation.
const CHUNK: usize = 1 << 20;

fn read_file(path: &Path, progress: &Progress) -> Result<Bytes, LoadError> {
    let mut file = File::open(path).map_err(|error| unreadable(path, error))?;
    let length = file.metadata().map_err(|error| unreadable(path, error))?.len();
    progress.expect(length);
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    loop {
        let read = Read::take(&mut file, CHUNK as u64).read_to_end(&mut content);
        let read = read.map_err(|error| unreadable(path, error))?;
        if read == 0 {
            return Ok(content.into());
        }
        progress.advance(read as u64);
        progress.go_on().map_err(|error| error.at(path))?;
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> LoadError {
    let kind = match error.kind() {
        IoErrorKind::NotFound => LoadErrorKind::NotFound,
        _ => LoadErrorKind::Corrupt,
    };
    LoadError::new(kind, "cannot read the model file").at(path).caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::{DType, Dim, TensorSpec};

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_file_is_read_once_and_progress_counts_its_bytes() {
        let content = vec![7_u8; CHUNK + 10];
        let file = file(&content);
        let model = ModelFile::new(file.path(), None);
        let progress = Progress::default();
        let first = model.read(&progress).unwrap();
        let second = model.clone().read(&progress).unwrap();
        assert_eq!(first, content);
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_eq!((progress.read(), progress.total()), (CHUNK as u64 + 10, CHUNK as u64 + 10));
    }

    #[test]
    fn a_wrong_checksum_and_a_missing_file_are_told_apart() {
        let file = file(b"weights");
        let checksum = hex(&Sha256::digest(b"weights"));
        assert!(ModelFile::new(file.path(), Some(checksum)).read(&Progress::default()).is_ok());
        let wrong = ModelFile::new(file.path(), Some("00".to_owned()));
        assert_eq!(wrong.read(&Progress::default()).unwrap_err().kind(), LoadErrorKind::Corrupt);
        let missing = ModelFile::new("/nowhere/model.onnx", None);
        assert_eq!(missing.read(&Progress::default()).unwrap_err().kind(), LoadErrorKind::NotFound);
    }

    #[test]
    fn columns_must_name_an_input_and_match_its_width() {
        let signature =
            Signature { inputs: vec![TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)])], outputs: vec![] };
        let annotate = |input: &str, columns: &[&str]| {
            let mut spec = ModelSpec::new("m", "m.onnx");
            let columns = columns.iter().map(|&column| column.to_owned()).collect();
            spec.columns.insert(input.to_owned(), columns);
            spec.annotate(&signature)
        };
        assert_eq!(annotate("x", &["a", "b"]).unwrap().inputs[0].columns, ["a", "b"]);
        assert_eq!(annotate("y", &["a", "b"]).unwrap_err().kind(), LoadErrorKind::Configuration);
        let error = annotate("x", &["a"]).unwrap_err();
        assert_eq!(error.detail(), "model.toml names 1 columns in [inputs.x], but 'x' is FP32 [?,2]");
    }

    #[test]
    fn what_is_declared_must_be_so() {
        let own = Signature {
            inputs: vec![TensorSpec::new("x", DType::Fp32, [Dim::named("n"), Dim::Fixed(2)])],
            outputs: vec![],
        };
        let annotate = |said: TensorSpec| {
            let mut spec = ModelSpec::new("m", "m.onnx");
            spec.declared.inputs.push(said);
            spec.annotate(&own).map_err(|error| error.detail().to_owned())
        };
        assert!(annotate(TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)])).is_ok());
        assert!(annotate(TensorSpec { dims: None, ..TensorSpec::new("x", DType::Fp32, []) }).is_ok());
        let wrong = annotate(TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(3)])).unwrap_err();
        assert_eq!(wrong, "model.toml says FP32 [?,3] in [inputs.x], but 'x' is FP32 [n,2]");
        assert!(annotate(TensorSpec::new("x", DType::Fp64, [Dim::ANY, Dim::Fixed(2)])).is_err());
        assert!(annotate(TensorSpec::new("y", DType::Fp32, [])).unwrap_err().contains("[inputs.y]"));
    }

    #[test]
    fn a_fill_value_is_an_element_of_its_input() {
        let fill = |dtype: DType, value: FillValue| {
            let inputs = vec![TensorSpec::new("x", dtype, [Dim::ANY])];
            let mut spec = ModelSpec::new("m", "m.onnx");
            spec.missing.insert("x".to_owned(), value);
            spec.annotate(&Signature { inputs, outputs: vec![] })
        };
        let zero = FillValue::Integer(0);
        assert_eq!(fill(DType::Fp32, zero.clone()).unwrap().inputs[0].missing, Some(zero));
        let error = fill(DType::Int64, FillValue::Float(f64::NAN)).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Configuration);
        assert_eq!(error.detail(), "model.toml has missing = NaN in [inputs.x], but 'x' is INT64");
    }
}
