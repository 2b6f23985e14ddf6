//! What can go wrong, as kinds to branch on and texts to read. No kind knows a protocol; each protocol has one table.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::signature::{OutputError, RequestError};

/// Why a model could not be loaded: kind, model, file, cause and what to do.
#[derive(Debug)]
pub struct LoadError {
    kind: LoadErrorKind,
    model: Option<String>,
    path: Option<PathBuf>,
    detail: String,
    advice: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Kinds of load failure; each has a documented exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadErrorKind {
    /// A setting of the model contradicts its file or itself.
    Configuration,
    /// A path or name does not exist.
    NotFound,
    /// A file is unreadable, cut short, not what its name says, or has another checksum.
    Corrupt,
    /// A format, operator, type or version that the engine does not have.
    Unsupported,
    /// The set of models does not fit in memory.
    DoesNotFit,
    /// The engine is not there.
    EngineMissing,
    /// The model's own code failed while it was loaded.
    ModelCode,
    /// The model could not answer a sample, or answered it wrongly.
    SampleFailed,
    /// The load did not finish before its deadline.
    TimedOut,
    /// A fault of the program.
    Internal,
}

impl LoadErrorKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Configuration,
        Self::NotFound,
        Self::Corrupt,
        Self::Unsupported,
        Self::DoesNotFit,
        Self::EngineMissing,
        Self::ModelCode,
        Self::SampleFailed,
        Self::TimedOut,
        Self::Internal,
    ];

    /// A stable name for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::NotFound => "not_found",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::DoesNotFit => "does_not_fit",
            Self::EngineMissing => "engine_missing",
            Self::ModelCode => "model_code",
            Self::SampleFailed => "sample_failed",
            Self::TimedOut => "timed_out",
            Self::Internal => "internal",
        }
    }
}

impl LoadError {
    /// An error of that kind; `detail` says what was wrong and what was expected.
    pub fn new(kind: LoadErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, model: None, path: None, detail: detail.into(), advice: None, source: None }
    }

    /// Names the file.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// Names the model.
    #[must_use]
    pub fn of_model(mut self, name: &str) -> Self {
        self.model.get_or_insert_with(|| name.to_owned());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Keeps the error below.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> LoadErrorKind {
        self.kind
    }

    /// The model, once it is known.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The file, where there is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What was wrong, without model, file and advice.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What to do, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for LoadError {
    /// One line: model, file, cause, advice.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(model) = &self.model {
            write!(formatter, "model '{model}': ")?;
        }
        if let Some(path) = &self.path {
            write!(formatter, "{}: ", path.display())?;
        }
        formatter.write_str(&self.detail)?;
        if let Some(source) = &self.source {
            write!(formatter, ": {source}")?;
        }
        if let Some(advice) = &self.advice {
            write!(formatter, "; {advice}")?;
        }
        Ok(())
    }
}

impl StdError for LoadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a run gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// These inputs, though of the right shape, make no sense to the model: the caller's fault.
    #[error("the model refused the input: {0}")]
    InvalidInput(String),
    /// Rows, though of the right shape, make no sense to the model: the caller's fault.
    #[error("the model refused {}", RowFault::summary(.rows, "rows"))]
    InvalidRows {
        /// What is wrong with them; one entry at least.
        rows: Vec<RowFault>,
    },
    /// The engine failed.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The engine returned something that its signature does not allow.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The engine panicked; its session was replaced.
    #[error("the model panicked: {0}")]
    Panicked(String),
    /// The session has nothing left to run in, such as a process of its own; it was replaced.
    #[error("the model was lost: {0}")]
    Lost(String),
}

impl RunError {
    /// Whether the session must not be used again.
    pub fn ends_session(&self) -> bool {
        matches!(self, Self::Panicked(_) | Self::Lost(_))
    }
}

/// What is wrong with one row of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The row's number in the request, from 0.
    pub row: usize,
    /// The field of the row: `.petal_length`, `.tags[2]`; empty where it is the row as a whole.
    pub path: String,
    /// What was expected, and what came.
    pub message: String,
}

impl RowFault {
    /// The row and its field in a request that has its rows at that place: `instances[3].petal_length`.
    pub fn path_in(&self, place: &str) -> String {
        format!("{place}[{}]{}", self.row, self.path)
    }

    /// The first of the faults, and how many more there are.
    pub fn summary(faults: &[Self], place: &str) -> String {
        let Some(first) = faults.first() else { return place.to_owned() };
        let text = format!("{}: {}", first.path_in(place), first.message);
        match faults.len() - 1 {
            0 => text,
            more => format!("{text}; and {more} more"),
        }
    }
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// The request does not fit the model.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// No model of that name or version.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The model is known but does not answer.
    #[error("model '{model}' is not ready: {reason}")]
    NotReady {
        /// The model.
        model: String,
        /// Why.
        reason: String,
    },
    /// The model's queue is full.
    #[error("model '{model}' has {capacity} requests waiting, its limit; try again later or raise 'limits.queue'")]
    QueueFull {
        /// The model.
        model: String,
        /// The bound.
        capacity: usize,
        /// The earliest time of an answer if there were a place, from now on; zero where no run was measured.
        expected: Duration,
    },
    /// The answer did not come in time.
    #[error("model '{model}' did not answer within {} ms", .deadline.as_millis())]
    DeadlineExceeded {
        /// The model.
        model: String,
        /// The time allowed.
        deadline: Duration,
    },
    /// The answer would not come in time.
    #[error(
        "model '{model}' has {waiting} requests waiting and would answer after {} ms or later, which is more than the {} ms given; try again later",
        .expected.as_millis(),
        .deadline.as_millis()
    )]
    TooLate {
        /// The model.
        model: String,
        /// The time allowed.
        deadline: Duration,
        /// Requests that wait.
        waiting: usize,
        /// The earliest time of the answer, from now on.
        expected: Duration,
    },
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// A model name or version that is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No model of that name.
    #[error("model '{name}' is unknown; {}", served(.known))]
    Model {
        /// The name as it came.
        name: String,
        /// What is served.
        known: Vec<String>,
    },
    /// The model has no such version.
    #[error("model '{name}' has no version '{version}'; version '{serving}' is served")]
    Version {
        /// The model.
        name: String,
        /// The version as it came.
        version: String,
        /// The version served.
        serving: String,
    },
}

/// Kinds of request failure: the rows of each protocol's status table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong.
    InvalidRequest,
    /// The request is well formed, but its rows are not what the model takes.
    InvalidRows,
    /// The model or version is unknown.
    NotFound,
    /// The server or model does not answer now.
    Unavailable,
    /// The queue is full.
    Overloaded,
    /// It was not tried, as so many wait that the answer would not come in time.
    TooLate,
    /// The answer did not come in time.
    DeadlineExceeded,
    /// The model or server failed.
    Internal,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::InvalidRequest,
        Self::InvalidRows,
        Self::NotFound,
        Self::Unavailable,
        Self::Overloaded,
        Self::TooLate,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// A stable name for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidRows => "invalid_rows",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::TooLate => "too_late",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Internal => "internal",
        }
    }
}

impl InferError {
    /// The kind, to branch on.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(_) | Self::Run(RunError::InvalidInput(_)) => ErrorKind::InvalidRequest,
            Self::Run(RunError::InvalidRows { .. }) => ErrorKind::InvalidRows,
            Self::Lookup(_) => ErrorKind::NotFound,
            Self::NotReady { .. } => ErrorKind::Unavailable,
            Self::QueueFull { .. } => ErrorKind::Overloaded,
            Self::TooLate { .. } => ErrorKind::TooLate,
            Self::DeadlineExceeded { .. } => ErrorKind::DeadlineExceeded,
            Self::Run(RunError::Failed(_) | RunError::Output(_) | RunError::Panicked(_) | RunError::Lost(_)) => {
                ErrorKind::Internal
            }
        }
    }
}

fn served(known: &[String]) -> String {
    if known.is_empty() {
        return "no model is served".to_owned();
    }
    format!("served are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_error_is_one_line_with_model_file_cause_and_advice() {
        let error = LoadError::new(LoadErrorKind::Corrupt, "not an ONNX file")
            .at("models/iris/model.onnx")
            .caused_by("unexpected end of data")
            .advise("export the model again")
            .of_model("iris");
        assert_eq!(
            error.to_string(),
            "model 'iris': models/iris/model.onnx: not an ONNX file: unexpected end of data; export the model again"
        );
    }

    #[test]
    fn the_innermost_file_and_model_stay() {
        let error = LoadError::new(LoadErrorKind::NotFound, "gone").at("inner").at("outer").of_model("a").of_model("b");
        assert_eq!((error.path(), error.model()), (Some(Path::new("inner")), Some("a")));
    }
}
