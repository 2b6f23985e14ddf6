//! What `model.toml` says to this engine.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use loadonce_core::{Budget, LoadError, LoadErrorKind, ModelSpec};

use crate::workers::launch::Terms;

/// Bytes of an arena unless the operator says otherwise; memory is taken only by what is written.
const ARENA_BYTES: u64 = 256 << 20;

/// The options of a model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Options {
    /// The interpreter.
    pub(super) python: Option<String>,
    /// Whether a file of another version of its library is taken.
    pub(super) allow_version_skew: bool,
    /// The environment's variables besides those that every model gets.
    pub(super) env: BTreeMap<String, String>,
    pub(super) terms: Terms,
}

impl Options {
    /// Reads the options; an unknown key or a value that cannot be is an error, and more threads than there are
    /// processors are cut to their number.
    pub(super) fn read(spec: &ModelSpec) -> Result<Self, LoadError> {
        let terms = Terms::new(spec, ARENA_BYTES);
        let mut options = Self { python: None, allow_version_skew: false, env: BTreeMap::new(), terms };
        for (key, value) in &spec.options {
            options.set(key, value).map_err(|expected| {
                LoadError::new(LoadErrorKind::Configuration, format!("{key} = {value:?} in model.toml: {expected}"))
            })?;
        }
        options.terms.threads = options.terms.threads.min(Budget::of_this_process().cores());
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        let terms = &mut self.terms;
        match key {
            "python" => self.python = Some(value.to_owned()),
            "preload" => terms.preload = Some(truth(value)?),
            "retry" => terms.retry = truth(value)?,
            "timeout" => terms.timeout = seconds(value)?,
            "allow_version_skew" => self.allow_version_skew = truth(value)?,
            "arena_bytes" => terms.arena_bytes = count(value)?,
            "threads" => terms.threads = count(value)?,
            "max_runs" => terms.recycling.runs = Some(count(value)?),
            "max_age" => terms.recycling.age = Some(seconds(value)?),
            "max_private_bytes" => terms.recycling.private_bytes = Some(count(value)?),
            _ => match key.strip_prefix("env.") {
                Some(name) => drop(self.env.insert(name.to_owned(), value.to_owned())),
                None => {
                    return Err("unknown, expected python, preload, retry, timeout, allow_version_skew, arena_bytes, \
                                threads, max_runs, max_age, max_private_bytes or env");
                }
            },
        }
        Ok(())
    }
}

fn truth(value: &str) -> Result<bool, &'static str> {
    value.parse().map_err(|_| "expected true or false")
}

fn count<N: FromStr + Default + PartialOrd>(value: &str) -> Result<N, &'static str> {
    value.parse().ok().filter(|count| *count > N::default()).ok_or("expected a whole number above 0")
}

fn seconds(value: &str) -> Result<Duration, &'static str> {
    let seconds = value.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or("expected seconds above 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<Options, String> {
        let mut spec = ModelSpec::new("m", "model.py");
        spec.options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Options::read(&spec).map_err(|error| error.detail().to_owned())
    }

    #[test]
    fn options_are_read_and_mistakes_named() {
        let options =
            read(&[("python", "python3.12"), ("retry", "false"), ("env.A", "1"), ("timeout", "0.5")]).unwrap();
        assert_eq!((options.python.as_deref(), options.terms.retry), (Some("python3.12"), false));
        assert_eq!((options.env["A"].as_str(), options.terms.timeout), ("1", Duration::from_millis(500)));
        assert_eq!(read(&[("retry", "1")]).unwrap_err(), "retry = \"1\" in model.toml: expected true or false");
        assert_eq!((read(&[]).unwrap().terms.threads, read(&[("threads", "1")]).unwrap().terms.threads), (1, 1));
        assert_eq!(read(&[("threads", "100000")]).unwrap().terms.threads, Budget::of_this_process().cores());
        assert!(read(&[("max_runs", "0")]).is_err() && read(&[("timeout", "nan")]).is_err());
        assert!(read(&[("pyton", "x")]).unwrap_err().contains("unknown, expected python"));
    }
}
