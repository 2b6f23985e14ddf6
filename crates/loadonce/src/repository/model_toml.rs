//! `model.toml`: what cannot be read off a model's file.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use loadonce_core::{Contract, DType, Dim, FillValue, Isolation, Limits, LoadErrorKind, Signature, TensorSpec};
use serde::Deserialize;

use super::RepositoryError;
use super::batching_keys::BatchingKeys;

/// The keys of `model.toml`; others are refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ModelToml {
    pub(super) version: Option<String>,
    pub(super) engine: Option<String>,
    #[serde(deserialize_with = "contract")]
    pub(super) contract: Option<Contract>,
    #[serde(deserialize_with = "isolation")]
    pub(super) isolation: Isolation,
    #[serde(deserialize_with = "checksum")]
    pub(super) checksum: Option<String>,
    #[serde(deserialize_with = "options")]
    options: BTreeMap<String, String>,
    /// Options of Python models, which have keys of their own.
    python: Option<Scalar>,
    preload: Option<Scalar>,
    retry: Option<Scalar>,
    timeout: Option<Scalar>,
    allow_version_skew: Option<Scalar>,
    threads: Option<Scalar>,
    max_runs: Option<Scalar>,
    max_age: Option<Scalar>,
    max_private_bytes: Option<Scalar>,
    env: BTreeMap<String, Scalar>,
    workers: Option<usize>,
    pub(super) limits: LimitKeys,
    pub(super) batching: BatchingKeys,
    /// In the order of the file, which is that of a model that has no other.
    pub(super) inputs: IndexMap<String, InputKeys>,
    pub(super) outputs: IndexMap<String, OutputKeys>,
    /// What these say of dtypes and axes.
    #[serde(skip)]
    pub(super) declared: Signature,
}

/// Text, a number or a truth, as text: its type is for the engine to judge.
#[derive(Clone, Debug, PartialEq)]
struct Scalar(String);

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitKeys {
    queue: Option<usize>,
    sessions: Option<usize>,
    timeout_seconds: Option<f64>,
    priority: Option<NonZeroU32>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct InputKeys {
    #[serde(deserialize_with = "datatype")]
    datatype: Option<DType>,
    shape: Option<Vec<i64>>,
    pub(super) columns: Option<Vec<String>>,
    #[serde(deserialize_with = "fill")]
    pub(super) missing: Option<FillValue>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OutputKeys {
    #[serde(deserialize_with = "datatype")]
    datatype: Option<DType>,
    shape: Option<Vec<i64>>,
    pub(super) labels: Vec<String>,
}

impl ModelToml {
    /// Reads the file; one that does not exist says nothing.
    pub(super) fn read(path: &Path) -> Result<Self, RepositoryError> {
        let wrong =
            |detail: String| RepositoryError { kind: LoadErrorKind::Configuration, path: path.to_owned(), detail };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(wrong),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(format!("cannot be read: {error}"))),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Self = toml::from_str(text).map_err(|error| one_line(&error, text))?;
        keys.limits.check()?;
        expect_count("workers", keys.workers, 1024)?;
        keys.batching.check()?;
        keys.declared = keys.declare()?;
        let twice = keys.inputs.iter().find_map(|(name, input)| Some((name, repeated(input.columns.as_ref()?)?)));
        match twice {
            Some((name, column)) => Err(format!("[inputs.{name}] names column '{column}' twice")),
            None => Ok(keys),
        }
    }
}

impl ModelToml {
    /// The options of the engine, from wherever they stand.
    pub(super) fn engine_options(&self) -> BTreeMap<String, String> {
        let keys = [
            ("python", &self.python),
            ("preload", &self.preload),
            ("retry", &self.retry),
            ("timeout", &self.timeout),
            ("allow_version_skew", &self.allow_version_skew),
            ("threads", &self.threads),
            ("max_runs", &self.max_runs),
            ("max_age", &self.max_age),
            ("max_private_bytes", &self.max_private_bytes),
        ];
        let keys = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.as_ref()?.0.clone())));
        let env = self.env.iter().map(|(name, value)| (format!("env.{name}"), value.0.clone()));
        let options = self.options.iter().map(|(key, value)| (key.clone(), value.clone()));
        options.chain(keys).chain(env).collect()
    }

    /// The inputs and outputs that have a datatype here.
    fn declare(&self) -> Result<Signature, String> {
        let inputs = self.inputs.iter().map(|(name, keys)| spec("inputs", name, keys.datatype, keys.shape.as_deref()));
        let outputs =
            self.outputs.iter().map(|(name, keys)| spec("outputs", name, keys.datatype, keys.shape.as_deref()));
        let inputs = inputs.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Signature { inputs, outputs: outputs.filter_map(Result::transpose).collect::<Result<_, _>>()? })
    }

    /// The limits; a session of a Python model is a worker.
    pub(super) fn limits(&self) -> Limits {
        let limits = self.limits.apply();
        Limits { sessions: self.workers.or(limits.sessions), ..limits }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let text = text(&value).ok_or_else(|| {
            serde::de::Error::custom(format!("expected text, a number or a truth, got {}", value.type_str()))
        })?;
        Ok(Self(text))
    }
}

/// The text of a single value.
fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => Some(value.to_string()),
        _ => None,
    }
}

impl LimitKeys {
    /// The limits with these overrides.
    fn apply(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            queue: self.queue.unwrap_or(defaults.queue),
            sessions: self.sessions,
            timeout: self.timeout_seconds.map_or(defaults.timeout, Duration::from_secs_f64),
            priority: self.priority.unwrap_or(defaults.priority),
        }
    }

    fn check(&self) -> Result<(), String> {
        expect_count("limits.queue", self.queue, 1_000_000)?;
        expect_count("limits.sessions", self.sessions, 1024)?;
        if self.timeout_seconds.is_some_and(|seconds| !(seconds > 0.0 && seconds <= 86_400.0)) {
            return Err("limits.timeout_seconds: expected more than 0 and at most 86400".to_owned());
        }
        Ok(())
    }
}

/// Refuses a number that is given and not from 1 to `most`.
pub(super) fn expect_count(key: &str, value: Option<usize>, most: usize) -> Result<(), String> {
    match value {
        Some(value) if !(1..=most).contains(&value) => Err(format!("{key}: expected 1 to {most}")),
        _ => Ok(()),
    }
}

/// What one table says of its input or output; none where it does not say a datatype.
fn spec(table: &str, name: &str, datatype: Option<DType>, shape: Option<&[i64]>) -> Result<Option<TensorSpec>, String> {
    let dim = |axis: &i64| match axis {
        -1 => Ok(Dim::ANY),
        axis => usize::try_from(*axis).map(Dim::Fixed).map_err(|_| {
            format!("[{table}.{name}] has an axis of {axis} in its shape, expected a length, or -1 for any")
        }),
    };
    match (datatype, shape) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(format!("[{table}.{name}] has a shape, but no datatype")),
        (Some(dtype), None) => Ok(Some(TensorSpec { dims: None, ..TensorSpec::new(name, dtype, []) })),
        (Some(dtype), Some(axes)) => {
            Ok(Some(TensorSpec::new(name, dtype, axes.iter().map(dim).collect::<Result<Vec<_>, _>>()?)))
        }
    }
}

/// The parser's message with its line, without the picture of the place.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    format!("line {line}: {}", error.message().replace('\n', ", "))
}

fn repeated(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(position, name)| names[..*position].contains(name)).map(|(_, name)| name)
}

fn contract<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Contract>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn isolation<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Isolation, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn datatype<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<DType>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

/// `sha256:` and 64 hexadecimal digits.
fn checksum<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.strip_prefix("sha256:") {
        Some(digits) if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            Ok(Some(digits.to_owned()))
        }
        _ => Err(serde::de::Error::custom("expected \"sha256:\" and 64 hexadecimal digits")),
    }
}

/// The value that stands for missing ones, of whichever type the input takes.
fn fill<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<FillValue>, D::Error> {
    Ok(Some(match toml::Value::deserialize(deserializer)? {
        toml::Value::Integer(value) => FillValue::Integer(value),
        toml::Value::Float(value) => FillValue::Float(value),
        toml::Value::Boolean(value) => FillValue::Bool(value),
        toml::Value::String(value) => FillValue::Text(value),
        other => {
            let got = other.type_str();
            return Err(serde::de::Error::custom(format!(
                "missing: expected nan, a number, text or a truth, got {got}"
            )));
        }
    }))
}

/// Options of the engine as text. TOML reads `session.x = 1` as a table; here it is the key `session.x`.
fn options<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let mut options = BTreeMap::new();
    flatten("", &toml::Table::deserialize(deserializer)?, &mut options).map_err(serde::de::Error::custom)?;
    Ok(options)
}

fn flatten(prefix: &str, table: &toml::Table, options: &mut BTreeMap<String, String>) -> Result<(), String> {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match (value, text(value)) {
            (toml::Value::Table(table), _) => flatten(&format!("{key}."), table, options)?,
            (_, Some(text)) => drop(options.insert(key, text)),
            (other, None) => {
                return Err(format!("options.{key}: expected text, a number or a truth, got {}", other.type_str()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Batching, SharedRuns};

    use super::*;

    #[test]
    fn every_key_is_read() {
        let keys = ModelToml::parse(
            r#"
            version = "3"
            engine = "tabular"
            contract = "exclusive"
            isolation = "process"
            checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
            [options]
            intra_op_threads = 2
            session.disable_prepacking = "1"
            [limits]
            queue = 8
            sessions = 2
            timeout_seconds = 1.5
            priority = 3
            [batching]
            enabled = true
            max_rows = 8
            max_bytes = 1024
            max_delay_ms = 0.5
            [inputs.x]
            datatype = "FP32"
            shape = [-1, 2]
            columns = ["a", "b"]
            missing = -1
            [inputs.b]
            datatype = "BYTES"
            missing = "unknown"
            [outputs.y]
            labels = ["no", "yes"]
            "#,
        )
        .unwrap();
        assert_eq!((keys.contract, keys.isolation), (Some(Contract::Exclusive), Isolation::Process));
        let (timeout, priority) = (Duration::from_millis(1500), NonZeroU32::MIN.saturating_add(2));
        let limits = Limits { queue: 8, sessions: Some(2), timeout, priority };
        assert_eq!(keys.limits.apply(), limits);
        let (shared_runs, max_delay) = (SharedRuns::Always, Duration::from_micros(500));
        assert_eq!(keys.batching.apply(), Batching { shared_runs, max_rows: Some(8), max_bytes: 1024, max_delay });
        let options: Vec<_> = keys.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(options, [("intra_op_threads", "2"), ("session.disable_prepacking", "1")]);
        assert_eq!(keys.inputs["x"].columns.as_deref().unwrap(), ["a", "b"]);
        assert_eq!(keys.inputs["x"].missing, Some(FillValue::Integer(-1)));
        assert_eq!(keys.inputs["b"].missing, Some(FillValue::Text("unknown".to_owned())));
        let inputs: Vec<_> = keys.declared.inputs.iter().map(ToString::to_string).collect();
        assert_eq!((inputs, keys.declared.outputs), (vec!["FP32 [?,2]".to_owned(), "BYTES [...]".to_owned()], vec![]));
        assert_eq!(keys.outputs["y"].labels, ["no", "yes"]);
    }

    #[test]
    fn keys_of_python_models_are_options() {
        let keys = ModelToml::parse("workers = 2\nthreads = 3\nretry = false\n[env]\nA = 1").unwrap();
        let options = keys.engine_options();
        let options: Vec<_> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(options, [("env.A", "1"), ("retry", "false"), ("threads", "3")]);
        assert_eq!(keys.limits().sessions, Some(2));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases = [
            ("\nengin = 'x'", "line 2: unknown field `engin`, expected one of `version`"),
            ("isolation = 'thread'", "line 1: unknown isolation 'thread', expected 'none' or 'process'"),
            ("contract = 'both'", "line 1: unknown contract 'both', expected 'shared' or 'exclusive'"),
            ("checksum = 'md5:1'", "line 1: expected \"sha256:\" and 64 hexadecimal digits"),
            ("[limits]\nqueue = 0", "limits.queue: expected 1 to 1000000"),
            ("[limits]\ntimeout_seconds = 0.0", "limits.timeout_seconds: expected more than 0"),
            ("[batching]\nmax_rows = 0", "batching.max_rows: expected 1 to 1048576"),
            ("[batching]\nmax_delay_ms = -1.0", "batching.max_delay_ms: expected 0 to 60000"),
            ("[inputs.x]\nmissing = []", "line 2: missing: expected nan, a number, text or a truth, got array"),
            ("[outputs.y]\ndatatype = 'float'", "line 2: unknown datatype 'float'"),
            ("[outputs.y]\nshape = [1]", "[outputs.y] has a shape, but no datatype"),
            ("[inputs.x]\ndatatype = 'FP32'\nshape = [-2]", "[inputs.x] has an axis of -2 in its shape"),
            ("[inputs.x]\ncolumns = ['a', 'a']", "[inputs.x] names column 'a' twice"),
        ];
        for (text, expected) in cases {
            let error = ModelToml::parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
