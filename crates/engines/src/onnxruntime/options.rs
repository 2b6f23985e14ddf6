//! What `[options]` of `model.toml` sets, and what of it is in effect.
//!
//! A key with a dot is an entry of the library's own configuration (`onnxruntime_session_options_config_keys.h`) and
//! passed through as it is.

use std::collections::BTreeMap;
use std::path::Path;

use loadonce_core::{Budget, LoadError, LoadErrorKind, ModelSpec};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::native;

/// Options of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Threads that share the work of one operator; those of a pool beside the caller's.
    intra_op_threads: usize,
    /// Operators that run at once; with one, they run in order.
    inter_op_threads: usize,
    optimization: Optimization,
    /// Whether the session keeps freed memory for its next runs, in a pool under one lock. It never gives any back.
    memory_arena: bool,
    /// Entries of the library's configuration.
    entries: BTreeMap<String, String>,
}

/// How far the library rewrites the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Optimization {
    Off,
    Basic,
    Extended,
    All,
}

const INTRA_OP: &str = "intra_op_threads";
const INTER_OP: &str = "inter_op_threads";
const OPTIMIZATION: &str = "optimization";
const MEMORY_ARENA: &str = "memory_arena";

/// Where the files lie that a model loaded from memory names for its weights.
const EXTERNAL_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// Whether idle threads of a pool spin. They would take a processor from other models' runs.
const SPINNING: [&str; 2] = ["session.intra_op.allow_spinning", "session.inter_op.allow_spinning"];

impl Options {
    /// Reads what the model's configuration sets; more threads than there are processors are cut to their number.
    pub(super) fn read(spec: &ModelSpec) -> Result<Self, LoadError> {
        let cores = Budget::of_this_process().cores();
        Self::from_keys(&spec.options, cores)
    }

    fn from_keys(keys: &BTreeMap<String, String>, cores: usize) -> Result<Self, LoadError> {
        let mut options = Self {
            intra_op_threads: 1,
            inter_op_threads: 1,
            optimization: Optimization::All,
            memory_arena: false,
            entries: SPINNING.map(|key| (key.to_owned(), "0".to_owned())).into(),
        };
        for (key, value) in keys {
            match key.as_str() {
                INTRA_OP => options.intra_op_threads = threads(key, value)?.min(cores),
                INTER_OP => options.inter_op_threads = threads(key, value)?.min(cores),
                OPTIMIZATION => options.optimization = Optimization::named(value)?,
                MEMORY_ARENA => options.memory_arena = boolean(key, value)?,
                EXTERNAL_FOLDER => return Err(wrong(key, "is the model's own folder and cannot be set")),
                _ if key.contains('.') => drop(options.entries.insert(key.clone(), value.clone())),
                _ => {
                    let known = format!(
                        "is unknown, expected {INTRA_OP}, {INTER_OP}, {OPTIMIZATION}, {MEMORY_ARENA} or 'session.…'"
                    );
                    return Err(wrong(key, &known));
                }
            }
        }
        Ok(options)
    }

    /// The same without rewriting the graph for one kind of processor.
    pub(super) fn portable(mut self) -> Self {
        self.optimization = self.optimization.min(Optimization::Extended);
        self
    }

    /// Threads that a run keeps busy.
    pub(super) fn threads(&self) -> usize {
        self.intra_op_threads.max(self.inter_op_threads)
    }

    /// Sets the options of a session that finds further files of the model in `folder`.
    pub(super) fn apply(&self, builder: SessionBuilder, folder: Option<&Path>) -> ort::Result<SessionBuilder> {
        let mut builder = builder
            .with_intra_threads(self.intra_op_threads)?
            .with_inter_threads(self.inter_op_threads)?
            .with_parallel_execution(self.inter_op_threads > 1)?
            .with_optimization_level(self.optimization.level())?;
        native::use_memory_arena(&mut builder, self.memory_arena)?;
        for (key, value) in &self.entries {
            builder = builder.with_config_entry(key, value)?;
        }
        if let Some(folder) = folder {
            builder = builder.with_config_entry(EXTERNAL_FOLDER, folder.display().to_string())?;
        }
        Ok(builder)
    }

    /// What is in effect: the levels as they were set, for which the library has no question, and the entries as it
    /// stored them.
    pub(super) fn in_effect(&self, builder: &SessionBuilder) -> Vec<(String, String)> {
        let levels = [
            (INTRA_OP, self.intra_op_threads.to_string()),
            (INTER_OP, self.inter_op_threads.to_string()),
            (OPTIMIZATION, self.optimization.as_str().to_owned()),
            (MEMORY_ARENA, self.memory_arena.to_string()),
        ];
        let levels = levels.into_iter().map(|(key, value)| (key.to_owned(), value));
        let entries = self.entries.keys().filter_map(|key| Some((key.clone(), native::config_entry(builder, key)?)));
        levels.chain(entries).collect()
    }
}

impl Optimization {
    const ALL: [Self; 4] = [Self::Off, Self::Basic, Self::Extended, Self::All];

    fn named(name: &str) -> Result<Self, LoadError> {
        let found = Self::ALL.into_iter().find(|optimization| optimization.as_str() == name);
        found.ok_or_else(|| wrong(OPTIMIZATION, &format!("is '{name}', expected off, basic, extended or all")))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Basic => "basic",
            Self::Extended => "extended",
            Self::All => "all",
        }
    }

    fn level(self) -> GraphOptimizationLevel {
        match self {
            Self::Off => GraphOptimizationLevel::Disable,
            Self::Basic => GraphOptimizationLevel::Level1,
            Self::Extended => GraphOptimizationLevel::Level2,
            Self::All => GraphOptimizationLevel::All,
        }
    }
}

fn threads(key: &str, value: &str) -> Result<usize, LoadError> {
    let count = value.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| wrong(key, &format!("is '{value}', expected a number of 1 or more")))
}

fn boolean(key: &str, value: &str) -> Result<bool, LoadError> {
    value.parse().map_err(|_| wrong(key, &format!("is '{value}', expected true or false")))
}

fn wrong(key: &str, problem: &str) -> LoadError {
    let detail = format!("option '{key}' in model.toml {problem}");
    LoadError::new(LoadErrorKind::Configuration, detail).advise("correct [options] in model.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &[(&str, &str)]) -> Result<Options, String> {
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Options::from_keys(&keys, 2).map_err(|error| error.detail().to_owned())
    }

    #[test]
    fn one_thread_without_spinning_unless_asked() {
        let options = read(&[]).unwrap();
        assert_eq!((options.threads(), options.optimization), (1, Optimization::All));
        assert_eq!(options.entries["session.intra_op.allow_spinning"], "0");
    }

    #[test]
    fn threads_are_cut_to_the_processors() {
        let options = read(&[("intra_op_threads", "64"), ("optimization", "basic")]).unwrap();
        assert_eq!((options.threads(), options.optimization), (2, Optimization::Basic));
        assert_eq!(options.portable().optimization, Optimization::Basic);
        assert_eq!(read(&[]).unwrap().portable().optimization, Optimization::Extended);
    }

    #[test]
    fn entries_of_the_library_pass_through() {
        let options = read(&[("session.disable_prepacking", "1"), ("session.intra_op.allow_spinning", "1")]).unwrap();
        assert_eq!(options.entries["session.disable_prepacking"], "1");
        assert_eq!(options.entries["session.intra_op.allow_spinning"], "1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (
                ("intra_op_threads", "0"),
                "option 'intra_op_threads' in model.toml is '0', expected a number of 1 or more",
            ),
            (
                ("optimization", "much"),
                "option 'optimization' in model.toml is 'much', expected off, basic, extended or all",
            ),
            (
                ("intra_threads", "1"),
                "option 'intra_threads' in model.toml is unknown, expected intra_op_threads, inter_op_threads, \
                 optimization, memory_arena or 'session.…'",
            ),
            (
                (EXTERNAL_FOLDER, "/"),
                "option 'session.model_external_initializers_file_folder_path' in model.toml is the \
                 model's own folder and cannot be set",
            ),
        ];
        for (key, expected) in cases {
            assert_eq!(read(&[key]).unwrap_err(), expected);
        }
    }
}
