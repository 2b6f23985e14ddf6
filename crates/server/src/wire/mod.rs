//! Wire formats: bodies and messages to tensors and back. No HTTP here, and no model: a body, a signature, nothing else.

mod cursor;
mod lazy;
mod number;
mod element;
mod array;
mod b64;
mod write;
mod shape;
mod classification;
mod wanted;
mod parameters;
pub(crate) mod rows;
pub(crate) mod either;
pub mod grpc;
pub mod v1;
pub mod v2;

use loadonce_core::ErrorKind;
use serde::de::IgnoredAny;

pub(crate) use self::array::{ArrayError, parse_pieces, quote};
pub(crate) use self::lazy::Raw;
pub(crate) use self::write::write_object;

/// Why a body could not be read, or an answer not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    Syntax(String),
    /// The message of a gRPC call is none of its type.
    #[error("the message cannot be read: {0}")]
    Message(String),
    /// The body is JSON of another form, or a field of the message has another value than it may have.
    #[error("{path}: {detail}")]
    Form {
        /// Where, as a path of fields and positions.
        path: String,
        /// What was expected and what came.
        detail: String,
    },
    /// A string of an output cannot be written as JSON.
    #[error(
        "output '{output}' holds a string at [{index}] that is not UTF-8, which JSON cannot carry; ask for it in binary form: \"binary_data\": true"
    )]
    NotUtf8 {
        /// The output.
        output: String,
        /// Its flat index.
        index: usize,
    },
    /// An element of an output is to be JSON and is none.
    #[error("the model returned for output '{output}' at [{index}] what is no JSON: {detail}")]
    NotJson {
        /// The output.
        output: String,
        /// Its flat index.
        index: usize,
        /// Why it is none.
        detail: String,
    },
}

impl WireError {
    pub(crate) fn form(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Form { path: path.into(), detail: detail.into() }
    }

    /// The same error, seen from a level further out.
    #[must_use]
    pub(crate) fn within(self, outer: &str) -> Self {
        match self {
            Self::Form { path, detail } => Self::Form { path: format!("{outer}{path}"), detail },
            other => other,
        }
    }

    /// The same error where there is no level further out.
    #[must_use]
    pub(crate) fn outermost(self) -> Self {
        match self {
            Self::Form { path, detail } => Self::form(path.trim_start_matches('.'), detail),
            other => other,
        }
    }

    /// The same error, unless the body is no JSON in the first place, which a value that was set aside does not tell.
    #[must_use]
    pub(crate) fn or_syntax(self, body: &[u8]) -> Self {
        Self::expect_syntax(body).err().unwrap_or(self)
    }

    /// An error where the body is no JSON, values that were set aside included.
    pub(crate) fn expect_syntax(body: &[u8]) -> Result<(), Self> {
        serde_json::from_slice::<IgnoredAny>(body).map(drop).map_err(|error| Self::Syntax(error.to_string()))
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Syntax(_) | Self::Message(_) | Self::Form { .. } => ErrorKind::InvalidRequest,
            Self::NotUtf8 { .. } | Self::NotJson { .. } => ErrorKind::Internal,
        }
    }
}

/// Reads JSON into `T`; a mistake of form is named by its path, for instance `inputs[0].shape[1]`. What `T` keeps as
/// [`Raw`] is not known to be JSON yet: see [`WireError::or_syntax`].
pub(crate) fn from_json<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
    // Serde would take an array of the fields' values for an object.
    match body.trim_ascii_start().first() {
        None => Err(WireError::form("the body", "is empty, expected a JSON object")),
        Some(b'[') => Err(WireError::form("the body", "expected a JSON object, got an array")),
        Some(_) => {
            lazy::from_slice(body).or_else(|_| serde_json::from_slice(body)).map_err(|error| explain::<T>(body, &error))
        }
    }
}

/// The slow second look at a body that was refused: the path costs time that only mistakes should pay.
fn explain<'a, T: serde::Deserialize<'a>>(body: &'a [u8], error: &serde_json::Error) -> WireError {
    if error.classify() != serde_json::error::Category::Data {
        return WireError::Syntax(error.to_string());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => WireError::Syntax(error.to_string()),
        Err(error) => {
            let path = match error.path().to_string().as_str() {
                "." => "the body".to_owned(),
                path => path.to_owned(),
            };
            WireError::form(path, error.into_inner().to_string())
        }
    }
}
